// SPDX-License-Identifier: BSD-3-Clause
// Headless Chromium as a TURN client, for browser.sh. Hands the iceServers of a credential API's
// answer to the page as they are, and writes what the page found as JSON.
//
//   node browser.mjs MODE CREDENTIAL.json RESULT.json HOST=ADDRESS...
//
// MODE call: two peer connections call each other. MODE gather: one only gathers candidates.
// HOST=ADDRESS takes the place of the DNS. This file and node_modules stand in one folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const LIMIT_S = 60;
const MESSAGES = 1000;
const AUDIO_PACKETS = 100;

const [mode, document, result, ...hosts] = process.argv.slice(2);
const { iceServers } = JSON.parse(readFileSync(document, 'utf8')).credentials[0];
let stage = 'starting Chromium';

// Playwright kills its browser, whose process it knows, when this process exits.
setTimeout(() => {
	console.error(`not done within ${LIMIT_S} s; it was at: ${stage}`);
	process.exit(1);
}, LIMIT_S * 1000).unref();

// The functions below run in the page: they see their argument and nothing of this file.

/** Two peer connections exchange numbered messages and a tone, both ways, through relays alone. */
async function call({ iceServers, messages, audioPackets }) {
	const config = { iceServers, iceTransportPolicy: 'relay' };
	const text = (from, i) => `${from} ${i} ${'#'.repeat(i)}`;
	const context = new AudioContext();

	const sides = ['A', 'B'].map((name) => {
		const connection = new RTCPeerConnection(config);
		const side = { name, connection, candidates: [], errors: [], states: [], received: 0 };
		connection.onicecandidateerror = ({ errorCode, errorText, url }) =>
			side.errors.push({ errorCode, errorText, url });
		connection.onconnectionstatechange = () => {
			side.states.push(connection.connectionState);
			console.log(`${name} is ${connection.connectionState}`);
		};
		// A level is only known of audio that is played.
		connection.ontrack = ({ track }) => {
			side.player = new Audio();
			side.player.srcObject = new MediaStream([track]);
			side.player.play();
		};
		const tone = new OscillatorNode(context, { frequency: name === 'A' ? 440 : 660 });
		const output = new MediaStreamAudioDestinationNode(context);
		tone.connect(output);
		tone.start();
		connection.addTrack(output.stream.getAudioTracks()[0], output.stream);
		return side;
	});
	const [a, b] = sides;

	for (const [side, other] of [[a, b], [b, a]]) {
		side.connection.onicecandidate = ({ candidate }) => {
			if (candidate?.candidate) {
				side.candidates.push({ type: candidate.type, address: candidate.address });
				other.connection.addIceCandidate(candidate);
			}
		};
		// The same channel on both sides, ordered and reliable, which is the default.
		side.channel = side.connection.createDataChannel('test', { negotiated: true, id: 1 });
		side.ended = new Promise((resolve, reject) => {
			side.channel.onopen = () => {
				console.log(`${side.name} sends messages`);
				for (let i = 0; i < messages; i++)
					side.channel.send(text(side.name, i));
			};
			side.channel.onmessage = ({ data }) => {
				if (data !== text(other.name, side.received))
					reject(new Error(`${side.name}: message ${side.received} is '${data.slice(0, 20)}'`));
				if (++side.received === messages)
					resolve();
			};
			side.channel.onclose = () => reject(new Error(`${side.name}: the channel closed`));
		});
	}

	console.log('offer and answer');
	await a.connection.setLocalDescription();
	await b.connection.setRemoteDescription(a.connection.localDescription);
	await b.connection.setLocalDescription();
	await a.connection.setRemoteDescription(b.connection.localDescription);

	console.log('waiting for the peer connections');
	await Promise.all(sides.map((side) => side.ended));

	const inbound = async (side) => {
		const stats = [...(await side.connection.getStats()).values()];
		return stats.find((s) => s.type === 'inbound-rtp' && s.kind === 'audio');
	};
	for (const side of sides) {
		do {
			await new Promise((resolve) => setTimeout(resolve, 100));
			side.audio = await inbound(side);
			console.log(`${side.name} hears ${side.audio?.packetsReceived ?? 0} packets`);
		} while (!(side.audio?.packetsReceived >= audioPackets && side.audio.totalAudioEnergy > 0));
	}

	for (const side of sides) {
		const stats = await side.connection.getStats();
		const transport = [...stats.values()].find((s) => s.type === 'transport');
		const pair = stats.get(transport.selectedCandidatePairId);
		side.local = stats.get(pair.localCandidateId);
		side.remote = stats.get(pair.remoteCandidateId);
	}
	for (const side of sides) {
		side.channel.onclose = null;
		side.connection.close();
	}
	return sides.map(({ name, candidates, errors, states, received, audio, local, remote }) =>
		({ name, candidates, errors, states, received, audio, local, remote }));
}

/** What a peer connection gathers that may use relays alone, and what refused it. */
async function gather({ iceServers }) {
	const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' });
	const candidates = [];
	const errors = [];
	connection.onicecandidate = ({ candidate }) => {
		if (candidate?.candidate)
			candidates.push(candidate.candidate);
	};
	connection.onicecandidateerror = ({ errorCode, errorText, url }) =>
		errors.push({ errorCode, errorText, url });
	const complete = new Promise((resolve) => {
		connection.onicegatheringstatechange = () => {
			console.log(`gathering is ${connection.iceGatheringState}`);
			if (connection.iceGatheringState === 'complete')
				resolve();
		};
	});
	connection.createDataChannel('test');
	await connection.setLocalDescription();
	await complete;
	connection.close();
	return { candidates, errors };
}

// WebRTC looks names up with a dot at their end, which only a rule with a dot matches.
const rules = [...hosts.map((host) => `MAP ${host.replace('=', '. ')}`), 'MAP * ~NOTFOUND'];
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
	args: [
		'--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
		'--disable-background-networking', '--disable-component-update', '--disable-sync',
		'--disable-features=WebRtcHideLocalIpsWithMdns',
		'--autoplay-policy=no-user-gesture-required',
		`--host-resolver-rules=${rules.join(',')}`,
	],
});
try {
	const page = await browser.newPage();
	page.on('console', (message) => {
		stage = message.text();
		console.error(stage);
	});
	const run = { call, gather }[mode];
	const found = await page.evaluate(run,
		{ iceServers, messages: MESSAGES, audioPackets: AUDIO_PACKETS });
	writeFileSync(result, `${JSON.stringify(found, null, 1)}\n`);
} finally {
	stage = 'closing Chromium';
	await browser.close();
}
