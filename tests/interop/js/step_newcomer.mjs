// SPDX-License-Identifier: Apache-2.0
// Who may read what in an encrypted room: newcomers, those who left, devices that are verified by a scanned code, and
// a user who starts over with a new identity.
import { Device, authenticate } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

const PHASE_READY = 3;
const PHASE_DONE = 6;

async function unreadable(device, room, eventId) {
	const event = await until(`${device.id} has ${eventId}`, () => device.client.getRoom(room).findEventById(eventId));
	await until(`${device.id} has tried ${eventId}`, () => !event.isBeingDecrypted()
		&& (event.isDecryptionFailure() || event.getType() !== "m.room.encrypted"));
	ok(event.isDecryptionFailure(), `${device.id} can read "${event.getContent().body}"`);
}

step("a newcomer reads what is said while in the room, and no more", async ({ alice, bob }) => {
	const ida = await Device.register("ida");
	await ida.start();
	const room_id = await alice.createEncrypted({ preset: "public_chat" });
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
	const early = await alice.say(room_id, "Before ida");
	await ida.client.joinRoom(room_id);
	await ida.joined(room_id);
	await until("alice sees ida", () => alice.client.getRoom(room_id).getMember(ida.userId)?.membership === "join");
	equal(await ida.reads(room_id, await alice.say(room_id, "Welcome")), "Welcome");
	await unreadable(ida, room_id, early);
	await ida.client.leave(room_id);
	await until("both see her go", () => alice.client.getRoom(room_id).getMember(ida.userId).membership === "leave"
		&& ida.client.getRoom(room_id).getMyMembership() === "leave");
	const between = await alice.say(room_id, "Without ida");
	equal(await bob.reads(room_id, between), "Without ida");
	await ida.client.joinRoom(room_id);
	await until("alice sees her again", () => alice.client.getRoom(room_id).getMember(ida.userId).membership === "join");
	equal(await ida.reads(room_id, await alice.say(room_id, "Welcome back")), "Welcome back");
	await unreadable(ida, room_id, between);
});

step("an invitation hands on the keys of earlier messages", async ({ alice }) => {
	const jane = await Device.register("jane");
	await jane.start();
	await jane.crypto.bootstrapCrossSigning({
		authUploadDeviceSigningKeys: (makeRequest) => authenticate(jane.client, makeRequest, { userId: jane.userId }),
	});
	const room_id = await alice.createEncrypted({ preset: "private_chat" });
	const early = await alice.say(room_id, "Long before");
	await alice.client.invite(room_id, jane.userId);
	await until("jane is invited", () => jane.client.getRoom(room_id)?.getMyMembership() === "invite");
	await jane.client.joinRoom(room_id);
	await jane.joined(room_id);
	equal(await jane.reads(room_id, early), "Long before");
	equal(await jane.reads(room_id, await alice.say(room_id, "Welcome")), "Welcome");
});

step("an attachment is uploaded by one and downloaded by the other", async ({ alice, bob, room }) => {
	const bytes = new TextEncoder().encode("not a real picture");
	const { content_uri } = await alice.client.uploadContent(new Blob([bytes]), { type: "image/png", name: "a picture.png" });
	const { event_id } = await alice.client.sendImageMessage(room, content_uri, { mimetype: "image/png", size: bytes.length },
		"a picture.png");
	const { url } = (await bob.sees(room, event_id)).getContent();
	const answer = await fetch(bob.client.mxcUrlToHttp(url, undefined, undefined, undefined, false, true, true),
		{ headers: { Authorization: `Bearer ${bob.client.getAccessToken()}` } });
	equal([answer.status, answer.headers.get("content-type"), await answer.text()], [200, "image/png", "not a real picture"]);
	equal((await alice.client.getMediaConfig(true))["m.upload.size"], 50 << 20);
});

step("a device is verified by a scanned code", async ({ alice }) => {
	const fourth = await Device.login(alice.userId, { displayName: "alice's fourth" });
	await fourth.start();
	await until("alice sees the device", async () =>
		(await alice.crypto.getUserDeviceInfo([alice.userId])).get(alice.userId)?.has(fourth.id));
	const request = await fourth.crypto.requestOwnUserVerification();
	const received = await until("the request arrives", () =>
		alice.requests.find((r) => r.transactionId === request.transactionId));
	await received.accept();
	await until("both are ready", () => request.phase === PHASE_READY && received.phase === PHASE_READY);
	const verifier = await request.scanQRCode(await received.generateQRCode());
	const verified = verifier.verify();
	const theirs = await until("alice is asked", () => received.verifier?.getReciprocateQrCodeCallbacks() && received.verifier);
	theirs.getReciprocateQrCodeCallbacks().confirm();
	await Promise.all([verified, theirs.verify()]);
	await until("both are done", () => request.phase === PHASE_DONE && received.phase === PHASE_DONE);
	await until("the device is trusted", async () =>
		(await alice.crypto.getDeviceVerificationStatus(alice.userId, fourth.id)).crossSigningVerified);
	await fourth.client.logout(true);
});

step("a new identity is noticed", async ({ alice, bob }) => {
	const before = await alice.crypto.getUserVerificationStatus(bob.userId);
	ok(before.isCrossSigningVerified());
	await bob.crypto.resetEncryption(async (makeRequest) => {
		await authenticate(bob.client, makeRequest, { userId: bob.userId });
	});
	await until("alice does not trust bob any more", async () => {
		const status = await alice.crypto.getUserVerificationStatus(bob.userId);
		return !status.isCrossSigningVerified() && status.wasCrossSigningVerified();
	});
	ok(await bob.crypto.getActiveSessionBackupVersion(), "bob has a backup again");
});
