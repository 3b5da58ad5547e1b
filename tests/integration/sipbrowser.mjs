// SPDX-License-Identifier: BSD-3-Clause
// Web pages in headless Chromium as telephones, with JsSIP over WebSocket, for sipbrowser.sh: alice and bob
// register, one sends the other a message, they call each other, and one holds and hangs up. What they saw
// is written as JSON.
//
//   node sipbrowser.mjs URL DOOR RESULT.json
//
// URL is that of the door, to whose address DOOR its name leads. CHROMIUM is the browser to start. This file
// and node_modules stand in one folder.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const PAGE = 'https://page.example.com/'; // nothing is fetched from it; it may use the microphone
const LIMIT_S = 150; // a host may be busy with anything
const AUDIO_PACKETS = 50;
const MODULES = new URL('node_modules/', import.meta.url);
const MAINS = {
	debug: 'debug/src/browser.js', events: 'events/events.js', jssip: 'jssip/lib/JsSIP.js',
	ms: 'ms/index.js', 'sdp-transform': 'sdp-transform/lib/index.js',
};

const [url, door, result] = process.argv.slice(2);
let stage = 'starting Chromium';
setTimeout(() => {
	console.error(`not done within ${LIMIT_S} s; it was at: ${stage}`);
	process.exit(1);
}, LIMIT_S * 1000).unref();

/** JsSIP and what it requires, as one script of functions: a page has no modules of Node's kind. */
function bundle() {
	const names = Object.values(MAINS).map((main) => main.split('/')[0]).flatMap((name) =>
		readdirSync(new URL(`${name}/`, MODULES), { recursive: true }).map((file) => `${name}/${file}`));
	const wanted = /^jssip\/package\.json$|\/(lib|src)\/.*\.js$|^(events|ms)\/[^/]*\.js$/;
	const sources = names.filter((name) => wanted.test(name)).map((name) => {
		const text = readFileSync(new URL(name, MODULES), 'utf8');
		const body = name.endsWith('.json') ? `module.exports = ${text}` : text;
		return `${JSON.stringify(name)}: function (module, exports, require) {${body}\n}`;
	});
	return `window.JsSIP = ((mains, sources) => {
		const loaded = {};
		const load = (name) => {
			if (!loaded[name]) {
				loaded[name] = { exports: {} };
				sources[name](loaded[name], loaded[name].exports, (other) => {
					const path = other.startsWith('.') ? new URL(other, 'x:/' + name).pathname.slice(1)
						: mains[other];
					return load([path, path + '.js', path + '/index.js'].find((p) => sources[p]));
				});
			}
			return loaded[name].exports;
		};
		return load(mains.jssip);
	})(${JSON.stringify(MAINS)}, {${sources.join(',\n')}});`;
}

// The functions below run in a page: they see their argument and nothing of this file.

/** Registers; what happens then is in window.seen, and each call is answered. */
function register({ url, user }) {
	const seen = { messages: [], answered: [], confirmed: 0, held: 0, ended: 0 };
	const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], password: 'x',
		uri: `sip:${user}@example.net`, display_name: user });
	Object.assign(window, { ua, seen });
	ua.on('newMessage', ({ originator, request }) => {
		if (originator === 'remote')
			seen.messages.push(request.body);
	});
	ua.on('newRTCSession', ({ originator, session }) => {
		window.session = session;
		session.on('confirmed', () => seen.confirmed++);
		session.on('hold', ({ originator: by }) => { seen.held += by === 'remote' ? 1 : 0; });
		session.on('ended', ({ cause }) => { seen.ended++; seen.cause = cause; });
		session.on('failed', ({ cause }) => { seen.cause = cause; });
		if (originator === 'remote')
			session.answer({ mediaConstraints: { audio: true } });
	});
	return new Promise((done, failed) => {
		ua.on('registered', ({ response }) => {
			seen.registered = response.data;
			done();
		});
		ua.on('registrationFailed', ({ cause }) => failed(new Error(cause)));
		ua.start();
	});
}

function send({ to, text }) {
	return new Promise((done, failed) => {
		ua.sendMessage(`sip:${to}@example.net`, text, { eventHandlers: {
			succeeded: ({ response }) => { seen.answered.push(response.status_code); done(); },
			failed: ({ cause }) => failed(new Error(cause)),
		} });
	});
}

function dial(to) {
	ua.call(`sip:${to}@example.net`, { mediaConstraints: { audio: true } });
}

async function audio(packets) {
	for (const report of (await window.session?.connection?.getStats())?.values() ?? []) {
		if (report.type === 'inbound-rtp' && report.kind === 'audio' && report.packetsReceived >= packets)
			return true;
	}
	return false;
}

// ---- the test ----

async function open(browser) {
	const page = await (await browser.newContext({ permissions: ['microphone'] })).newPage();
	page.on('websocket', (socket) => socket.on('socketerror', (error) => console.error(error)));
	page.on('pageerror', (error) => console.error(error.message));
	await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '' }));
	await page.goto(PAGE);
	await page.addScriptTag({ content: bundle() });
	return page;
}

async function test(alice, bob) {
	const until = (page, what, argument) => page.waitForFunction(what, argument, { timeout: 40000, polling: 100 });

	stage = 'registering';
	await alice.evaluate(register, { url, user: 'alice' });
	await bob.evaluate(register, { url, user: 'bob' });
	stage = 'a message';
	await alice.evaluate(send, { to: 'bob', text: 'hello' });
	stage = 'a call';
	await alice.evaluate(dial, 'bob');
	for (const page of [alice, bob]) {
		await until(page, () => seen.confirmed > 0);
		await until(page, audio, AUDIO_PACKETS);
	}
	stage = 'hold';
	await alice.evaluate(() => void session.hold());
	await until(bob, () => seen.held > 0);
	stage = 'the end';
	await bob.evaluate(() => session.terminate());
	for (const page of [alice, bob])
		await until(page, () => seen.ended > 0);
	return Promise.all([alice, bob].map((page) => page.evaluate(() => seen)));
}

const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM,
	args: [
		'--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
		'--disable-background-networking', '--disable-component-update', '--disable-sync',
		'--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
		'--autoplay-policy=no-user-gesture-required',
		'--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
		`--host-resolver-rules=MAP ${new URL(url).hostname} ${door}`,
	],
});
let status = 1;
try {
	writeFileSync(result, `${JSON.stringify(await test(await open(browser), await open(browser)), null, 1)}\n`);
	status = 0;
} catch (error) {
	console.error(`${stage}: ${error.message}`);
} finally {
	await browser.close();
}
process.exit(status);
