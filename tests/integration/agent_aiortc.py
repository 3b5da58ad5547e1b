#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A WebRTC peer on aiortc with a data channel and sound; agent.py says how it is driven. It takes the
iceServers of the credential as they are, and uses the first server in them that it can."""
import asyncio

from agent import Agent, candidate
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

SOUNDS = 50


async def count_sound(track, heard):
    try:
        while True:
            frame = await track.recv()
            heard["frames"] += 1
            heard["samples"] += frame.samples
    except MediaStreamError:
        pass


async def main():
    agent = Agent()
    servers = [
        RTCIceServer(urls=s["urls"], username=s["username"], credential=s["credential"])
        for s in agent.ice_servers
    ]
    if not agent.has_relay:
        host, port, _, _ = agent.server()
        servers = [RTCIceServer(urls=f"stun:{host}:{port}")]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    heard = {"frames": 0, "samples": 0}
    opened = asyncio.Event()
    tasks = []

    @connection.on("track")
    def on_track(track):
        tasks.append(asyncio.ensure_future(count_sound(track, heard)))

    channel = connection.createDataChannel("test", negotiated=True, id=1)
    channel.on("open", opened.set)
    channel.on("message", agent.take)
    connection.addTrack(AudioStreamTrack())

    if agent.controls:
        await connection.setLocalDescription(await connection.createOffer())
        answer = await agent.swap({"sdp": connection.localDescription.sdp})
        await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    else:
        offer = await agent.find("A.offer")
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        agent.leave("B.offer", {"sdp": connection.localDescription.sdp})
    await asyncio.wait_for(opened.wait(), 60)

    async def send(data):
        channel.send(data)

    await agent.exchange(send)
    for _ in range(100):
        if heard["frames"] >= SOUNDS:
            break
        await asyncio.sleep(0.05)
    pair = connection.sctp.transport.transport._connection._nominated[1]
    seen = [candidate(c.type, c.host, c.port) for c in (pair.local_candidate, pair.remote_candidate)]
    agent.leave(f"{agent.name}.heard")
    await agent.find(f"{agent.other}.heard")
    await connection.close()
    agent.report(local=seen[0], remote=seen[1], heard=heard)


asyncio.run(main())
