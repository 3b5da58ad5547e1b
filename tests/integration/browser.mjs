// SPDX-License-Identifier: BSD-3-Clause
// Headless Chromium as a TURN client, for browser.sh and ladder.sh. Hands the iceServers of a
// credential API's answer to the pages as they are, and writes what the pages found as JSON.
//
//   node browser.mjs MODE CREDENTIAL.json RESULT.json [OPTION=VALUE]...
//
// MODE call: two pages, A and B, call each other with microphone, camera and a data channel.
// MODE gather: one page gathers candidates. Options: OPTIONS. CHROMIUM is the browser to start, and
// CHROMIUM_B another one for page B. This file and node_modules stand in one folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const OPTIONS = {
	policy: 'relay', // the iceTransportPolicy of both
	bundle: 'yes', // no: the offer asks for a flow of its own for each kind
	seconds: '0', // how long a call lasts at least
	until: '', // gather ends when the server of this URL has failed, without waiting for the others
	credential: '', // another CREDENTIAL.json for page B
	hosts: '', // NAME=ADDRESS,... in place of the DNS
	admin: '', // the operator's socket of the daemon, which says when the allocations have gone
};
const MESSAGES = 1000;
const AUDIO_PACKETS = 100;
const VIDEO_FRAMES = 15;
// Nothing is fetched from here. It is an origin that may use microphone and camera.
const PAGE = 'https://page.example.com/';

const [mode, document, result, ...words] = process.argv.slice(2);
const options = { ...OPTIONS, ...Object.fromEntries(words.map((word) => {
	const [, name, value] = word.match(/^(\w+)=(.*)$/s);
	if (!(name in OPTIONS))
		throw new Error(`no such option: ${name}`);
	return [name, value];
})) };
const servers = [document, options.credential || document].map((name) =>
	JSON.parse(readFileSync(name, 'utf8')).credentials[0].iceServers);
const limit_s = 150 + Number(options.seconds); // a host may be busy with anything
let stage = 'starting Chromium';

// Playwright kills its browsers, whose processes it knows, when this process exits.
setTimeout(() => {
	console.error(`not done within ${limit_s} s; it was at: ${stage}`);
	process.exit(1);
}, limit_s * 1000).unref();

// The functions below run in a page: they see their argument and nothing of this file but signal(),
// which carries a message to the other page's hear().

/** Makes this page's side of the call, which waits for an offer. */
async function open({ name, iceServers, policy, messages }) {
	const text = (from, i) => `${from} ${i} ${'#'.repeat(i)}`;
	const other = name === 'A' ? 'B' : 'A';
	const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy });
	const side = { name, connection, candidates: [], errors: [], states: [], received: 0, players: [] };
	window.side = side;

	connection.onicecandidateerror = ({ errorCode, errorText, url }) =>
		side.errors.push({ errorCode, errorText, url });
	connection.onconnectionstatechange = () => {
		side.states.push(connection.connectionState);
		if (connection.connectionState === 'connected')
			side.setup_ms ??= Math.round(performance.now() - side.began);
		console.log(`${name} is ${connection.connectionState}`);
	};
	connection.onicecandidate = ({ candidate }) => {
		if (candidate?.candidate) {
			side.candidates.push({
				type: candidate.type, address: candidate.address, mid: candidate.sdpMid });
			signal({ candidate: candidate.toJSON() });
		}
	};
	// A level is only known of audio that is played.
	connection.ontrack = ({ track }) => {
		const player = globalThis.document.createElement(track.kind);
		player.srcObject = new MediaStream([track]);
		player.play();
		side.players.push(player);
	};
	side.media = await navigator.mediaDevices.getUserMedia(
		{ audio: true, video: { width: 320, height: 240, frameRate: 15 } });
	for (const track of side.media.getTracks())
		connection.addTrack(track, side.media);

	// The same channel on both sides, ordered and reliable, which is the default.
	side.channel = connection.createDataChannel('test', { negotiated: true, id: 1 });
	side.ended = new Promise((resolve, reject) => {
		side.channel.onopen = () => {
			console.log(`${name} sends messages`);
			for (let i = 0; i < messages; i++)
				side.channel.send(text(name, i));
		};
		side.channel.onmessage = ({ data }) => {
			if (data !== text(other, side.received))
				reject(new Error(`${name}: message ${side.received} is '${data.slice(0, 20)}'`));
			if (++side.received === messages)
				resolve();
		};
		side.channel.onclose = () => reject(new Error(`${name}: the channel closed`));
	});

	let is_described;
	const described = new Promise((resolve) => { is_described = resolve; });
	window.hear = async ({ description, candidate }) => {
		side.began ??= performance.now();
		if (candidate) {
			await described;
			await connection.addIceCandidate(candidate);
			return;
		}
		await connection.setRemoteDescription(description);
		is_described();
		if (description.type === 'offer') {
			await connection.setLocalDescription();
			signal({ description: connection.localDescription.toJSON() });
		}
	};
}

/**
 * Offers. Without a bundle, every kind of media has its own transport. With the relay alone the offer
 * waits for a candidate of each: what an answer drops while its Allocate request is under way Chromium
 * forgets, and nobody deletes the allocation.
 */
async function offer({ bundle, policy }) {
	const { connection, candidates } = window.side;
	window.side.began = performance.now();
	await connection.setLocalDescription();
	const sections = connection.localDescription.sdp.match(/^m=/gm).length;
	while (policy === 'relay' && new Set(candidates.map(({ mid }) => mid)).size < sections)
		await new Promise((resolve) => setTimeout(resolve, 10));
	const { type, sdp } = connection.localDescription;
	signal({ description: { type, sdp: bundle === 'yes' ? sdp : sdp.replace(/a=group:BUNDLE.*\r\n/, '') } });
}

/** Waits until enough of each kind has arrived, and says what carried it. */
async function finish({ audioPackets, videoFrames, seconds }) {
	const { side } = window;
	const { connection } = side;
	const stats = async () => [...(await connection.getStats()).values()];
	const inbound = (all, kind) => all.find((s) => s.type === 'inbound-rtp' && s.kind === kind);

	await side.ended;
	let all;
	do {
		await new Promise((resolve) => setTimeout(resolve, 100));
		all = await stats();
		side.audio = inbound(all, 'audio');
		side.video = inbound(all, 'video');
		console.log(`${side.name} got ${side.audio?.packetsReceived ?? 0} packets of sound, ` +
			`${side.video?.framesDecoded ?? 0} pictures`);
	} while (!(side.audio?.packetsReceived >= audioPackets && side.audio.totalAudioEnergy > 0 &&
		side.video?.framesDecoded >= videoFrames &&
		performance.now() - side.began >= seconds * 1000));

	const find = (id) => all.find((s) => s.id === id);
	const transports = all.filter((s) => s.type === 'transport').map((transport) => {
		const pair = find(transport.selectedCandidatePairId);
		return {
			local: find(pair.localCandidateId), remote: find(pair.remoteCandidateId),
			bytesSent: transport.bytesSent, bytesReceived: transport.bytesReceived,
		};
	});
	const { name, candidates, errors, states, received, audio, video, setup_ms } = side;
	return { name, candidates, errors, states, received, audio, video, setup_ms, transports };
}

/** Hangs up. What deletes the allocations is sent in the background. */
async function close() {
	window.side.channel.onclose = null;
	window.side.connection.close();
}

/** What a peer connection gathers, and what refused it. */
async function gather({ iceServers, policy, until }) {
	const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy });
	const candidates = [];
	const errors = [];
	connection.onicecandidate = ({ candidate }) => {
		if (candidate?.candidate)
			candidates.push(candidate.candidate);
	};
	const complete = new Promise((resolve) => {
		connection.onicecandidateerror = ({ errorCode, errorText, url }) => {
			errors.push({ errorCode, errorText, url });
			if (url === until)
				resolve();
		};
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

// ---- here again ----

// For UDP, WebRTC looks names up with a dot at their end, which only a rule with a dot matches.
const rules = [...options.hosts.split(',').filter(Boolean).flatMap((host) =>
	['. ', ' '].map((end) => `MAP ${host.replace('=', end)}`)), 'MAP * ~NOTFOUND'];
const browsers = [];

function launch(executablePath) {
	return chromium.launch({
		executablePath,
		args: [
			'--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
			'--disable-background-networking', '--disable-component-update', '--disable-sync',
			'--disable-features=WebRtcHideLocalIpsWithMdns',
			'--autoplay-policy=no-user-gesture-required',
			'--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
			`--host-resolver-rules=${rules.join(',')}`,
		],
	});
}

async function page_of(browser) {
	const page = await browser.newPage();
	page.on('console', (message) => {
		stage = message.text();
		console.error(stage);
	});
	await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '' }));
	await page.goto(PAGE);
	return page;
}

/** The daemon's counters, as text. */
function metrics() {
	return new Promise((resolve, reject) => {
		request({ socketPath: options.admin, path: '/metrics' }, async (response) => {
			resolve((await response.toArray()).join(''));
		}).on('error', reject).end();
	});
}

/** A browser that ends has no time for that. Some are not deleted when a firewall is in the way. */
async function allocations_gone() {
	for (let i = 0; i < 300; i++) {
		await sleep(100);
		if (options.admin && /^sallyport_turn_allocations 0$/m.test(await metrics()))
			break;
	}
}

async function call() {
	const pages = await Promise.all([browsers[0], browsers.at(-1)].map(page_of));
	const [a, b] = pages;
	const setting = { policy: options.policy, messages: MESSAGES };
	for (const [page, other] of [[a, b], [b, a]])
		await page.exposeFunction('signal', (message) =>
			other.evaluate((heard) => window.hear(heard), message));
	await Promise.all(pages.map((page, i) => page.evaluate(open,
		{ ...setting, name: 'AB'[i], iceServers: servers[i] })));
	stage = 'offer and answer';
	await a.evaluate(offer, { bundle: options.bundle, policy: options.policy });
	stage = 'waiting for the peer connections';
	const found = await Promise.all(pages.map((page) => page.evaluate(finish, {
		audioPackets: AUDIO_PACKETS, videoFrames: VIDEO_FRAMES, seconds: Number(options.seconds),
	})));
	await Promise.all(pages.map((page) => page.evaluate(close)));
	stage = 'waiting for the allocations to go';
	await allocations_gone();
	return found;
}

const run = {
	call,
	gather: async () => (await page_of(browsers[0])).evaluate(gather,
		{ iceServers: servers[0], policy: options.policy, until: options.until }),
}[mode];
try {
	const { CHROMIUM = '/usr/bin/chromium', CHROMIUM_B } = process.env;
	browsers.push(...await Promise.all([CHROMIUM, CHROMIUM_B].filter(Boolean).map(launch)));
	writeFileSync(result, `${JSON.stringify(await run(), null, 1)}\n`);
} finally {
	stage = 'closing Chromium';
	await Promise.all(browsers.map((browser) => browser.close()));
}
