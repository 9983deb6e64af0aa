// SPDX-License-Identifier: Apache-2.0
// The server dies and comes back: the SDK's devices go on where they were. The run script starts it again.
import { readFileSync } from "node:fs";
import { sdk } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

function killServer() {
	process.kill(Number(readFileSync(process.env.HEARTH_PID_FILE, "utf8")), "SIGKILL");
}

step("a killed server comes back and the conversation goes on", async ({ alice, bob, room }) => {
	const before = await alice.say(room, "Before the fall");
	const shown = alice.client.getRoom(room);
	killServer();
	await until("alice loses the server", () => alice.client.getSyncState() !== sdk.SyncState.Syncing);
	const failed = await alice.say(room, "In the dark").then(() => null, (error) => error);
	ok(failed, "nothing can be sent");
	const unsent = await until("the message waits", () => shown.getLiveTimeline().getEvents().find((event) =>
		event.status === sdk.EventStatus.NOT_SENT));
	await until("both are in touch again", () => [alice, bob].every(({ client }) => {
		client.retryImmediately();
		return client.getSyncState() === sdk.SyncState.Syncing;
	}), 20000);
	const { event_id } = await alice.client.resendEvent(unsent, shown);
	equal(await bob.reads(room, event_id), "In the dark");
	const after = await bob.say(room, "After the fall");
	equal(await alice.reads(room, after), "After the fall");
	const told = bob.client.getRoom(room).getLiveTimeline().getEvents().map((event) => event.getId());
	equal([before, event_id, after].map((id) => told.filter((other) => other === id).length), [1, 1, 1]);
	ok(told.indexOf(before) < told.indexOf(event_id) && told.indexOf(event_id) < told.indexOf(after));
});
