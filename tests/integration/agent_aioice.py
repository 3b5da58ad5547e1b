#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An ICE agent on aioice; agent.py says how it is driven."""
import asyncio

import aioice
from agent import Agent, candidate


def seen(c):
    return candidate(c.type, c.host, c.port)


async def main():
    agent = Agent()
    host, port, username, password = agent.server()
    transport = agent.options.get("transport", "udp")
    policy = aioice.ice.TransportPolicy
    connection = aioice.Connection(
        ice_controlling=agent.controls,
        # It counts reflexive candidates among what a relay policy allows.
        stun_server=None if agent.relay_only else (host, 3478),
        turn_server=(host, port) if agent.has_relay else None,
        turn_username=username,
        turn_password=password,
        turn_ssl=transport == "tls",
        turn_transport="udp" if transport == "udp" else "tcp",
        use_ipv6=False,
        transport_policy=policy.RELAY if agent.relay_only else policy.ALL,
    )
    await connection.gather_candidates()
    offer = await agent.swap(
        {
            "username": connection.local_username,
            "password": connection.local_password,
            "candidates": [c.to_sdp() for c in connection.local_candidates],
        }
    )
    connection.remote_username = offer["username"]
    connection.remote_password = offer["password"]
    for line in offer["candidates"]:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await connection.add_remote_candidate(None)
    await asyncio.wait_for(connection.connect(), 60)

    async def listen():
        try:
            while True:
                agent.take(await connection.recv())
        except ConnectionError:
            pass

    listener = asyncio.ensure_future(listen())
    await agent.exchange(connection.send)
    pair = connection._nominated[1]
    candidates = [c.type for c in connection.local_candidates]
    await connection.close()
    await listener
    agent.report(
        candidates=candidates,
        local=seen(pair.local_candidate),
        remote=seen(pair.remote_candidate),
    )


asyncio.run(main())
