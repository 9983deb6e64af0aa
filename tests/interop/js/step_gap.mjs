// SPDX-License-Identifier: Apache-2.0
// A device is out of touch while much happens: limited timelines, state in the gap, many to-device messages.
import { Device, sdk } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

// A device whose /sync can be held back.
async function patient(userId) {
	let released = Promise.resolve();
	let release = () => {};
	const device = await Device.login(userId, { client: { fetchFn: async (url, options) => {
		if (String(url).includes("/sync?"))
			await released;
		return fetch(url, options);
	} } });
	device.hold = () => {
		released = new Promise((resolve) => {
			release = resolve;
		});
	};
	device.release = () => release();
	return device;
}

// All that the room's joined timelines hold, oldest first.
function history(room) {
	const parts = [];
	for (let part = room.getLiveTimeline(); part; part = part.getNeighbouringTimeline(sdk.Direction.Backward))
		parts.unshift(...part.getEvents());
	return parts;
}

function texts(room) {
	return history(room).filter((event) => event.getType() === "m.room.message").map((event) => event.getContent().body)
		.filter((body) => body);
}

step("what happened in a gap is made up for", async ({ alice, bob }) => {
	const room_id = await alice.createEncrypted({ preset: "public_chat", name: "Before" });
	await bob.client.joinRoom(room_id);
	const reader = await patient(bob.userId);
	await reader.start({ initialSyncLimit: 5 });
	await until("alice knows the device", async () =>
		(await alice.crypto.getUserDeviceInfo([bob.userId])).get(bob.userId)?.has(reader.id));
	await reader.sees(room_id, await alice.say(room_id, "line 0"));
	reader.hold();
	await alice.say(room_id, "line 1");
	const shown = reader.client.getRoom(room_id);
	await alice.client.setRoomName(room_id, "Between");
	const lines = [];
	for (let i = 2; i < 30; i++)
		lines.push(await alice.say(room_id, `line ${i}`));
	await alice.client.setRoomName(room_id, "After");
	await alice.client.setRoomTopic(room_id, "Then silence");
	await alice.client.redactEvent(room_id, lines[20]);
	const last = await alice.say(room_id, "line 30");
	reader.release();
	equal(await reader.reads(room_id, last), "line 30");
	equal([shown.name, shown.currentState.getStateEvents("m.room.topic", "").getContent().topic], ["After", "Then silence"]);
	const timeline = shown.getLiveTimeline();
	ok(timeline.getEvents().length < 30, "the timeline starts anew after the gap");
	for (let pages = 0; timeline.getPaginationToken(sdk.Direction.Backward) && pages < 10; pages++)
		await reader.client.scrollback(shown, 10);
	const expected = Array.from({ length: 31 }, (_, i) => `line ${i}`).filter((_, i) => i !== 22);
	await until("all can be read", () => texts(shown).length === expected.length);
	equal(texts(shown), expected);
	const ids = history(shown).map((event) => event.getId());
	equal(new Set(ids).size, ids.length, "no event twice");
	await reader.client.logout(true);
});

step("many to-device messages arrive once and in order", async ({ alice, bob }) => {
	const reader = await patient(bob.userId);
	await reader.start();
	const heard = [];
	reader.client.on("toDeviceEvent", (event) => {
		if (event.getType() === "org.example.count")
			heard.push(event.getContent().n);
	});
	reader.hold();
	for (let n = 0; n < 250; n++)
		await alice.client.sendToDevice("org.example.count", new Map([[bob.userId, new Map([[reader.id, { n }]])]]));
	const last = new Map([[bob.userId, new Map([["*", { n: 250 }]])]]);
	for (let i = 0; i < 2; i++)
		await alice.client.sendToDevice("org.example.count", last, "one transaction");
	reader.release();
	await until("the last one arrives", () => heard.includes(250));
	equal(heard, Array.from({ length: 251 }, (_, n) => n));
	await reader.client.logout(true);
});
