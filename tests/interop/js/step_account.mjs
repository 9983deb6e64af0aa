// SPDX-License-Identifier: Apache-2.0
// Profiles, account data, tags, devices, filters, capabilities, ignored users, push rules.
import { Device, authenticate } from "./device.mjs";
import { equal, ok, refused, step, until } from "./steps.mjs";

step("a new name and picture reach the room", async ({ alice, bob, room }) => {
	await bob.client.setDisplayName("Bob B.");
	await bob.client.setAvatarUrl("mxc://example.com/bob");
	const member = await until("alice knows bob", () => alice.client.getRoom(room).getMember(bob.userId));
	await until("the name arrives", () => member.name === "Bob B." && member.getMxcAvatarUrl() === "mxc://example.com/bob");
	equal(await alice.client.getProfileInfo(bob.userId), { displayname: "Bob B.", avatar_url: "mxc://example.com/bob" });
});

step("extended profile fields are kept", async ({ alice, bob }) => {
	ok(await bob.client.doesServerSupportExtendedProfiles());
	await bob.client.setExtendedProfileProperty("m.tz", "Europe/Rome");
	await bob.client.setExtendedProfileProperty("org.example.mood", { is: "good" });
	equal(await alice.client.getExtendedProfileProperty(bob.userId, "m.tz"), "Europe/Rome");
	equal((await alice.client.getExtendedProfile(bob.userId))["org.example.mood"], { is: "good" });
	await bob.client.deleteExtendedProfileProperty("org.example.mood");
	equal(await alice.client.getExtendedProfileProperty(bob.userId, "org.example.mood"), undefined);
});

step("account data reaches the other devices", async ({ alice, second }) => {
	await alice.client.setAccountData("org.example.colour", { is: "green" });
	await until("the second device has it", () => second.client.getAccountData("org.example.colour")?.getContent().is === "green");
	equal(await second.client.getAccountDataFromServer("org.example.colour"), { is: "green" });
	await alice.client.setAccountData("org.example.colour", {});
	await until("it is emptied", () => !second.client.getAccountData("org.example.colour").getContent().is);
});

step("room account data and tags reach the other devices", async ({ alice, second, room }) => {
	await alice.client.setRoomAccountData(room, "org.example.note", { text: "home" });
	await alice.client.setRoomTag(room, "m.favourite", { order: 0.25 });
	const shown = second.client.getRoom(room);
	await until("the note arrives", () => shown.getAccountData("org.example.note")?.getContent().text === "home");
	await until("the tag arrives", () => shown.tags["m.favourite"]?.order === 0.25);
	equal(await alice.client.getRoomTags(room), { tags: { "m.favourite": { order: 0.25 } } });
	await alice.client.deleteRoomTag(room, "m.favourite");
	await until("the tag is gone", () => !shown.tags["m.favourite"]);
});

step("an ignored user is not heard", async ({ alice, bob, third }) => {
	const { room_id } = await bob.client.createRoom({ preset: "private_chat", invite: [alice.userId] });
	await until("alice is invited", () => third.client.getRoom(room_id)?.getMyMembership() === "invite");
	await third.client.joinRoom(room_id);
	await third.joined(room_id);
	await third.client.setIgnoredUsers([bob.userId]);
	ok(third.client.isUserIgnored(bob.userId));
	const unheard = await bob.say(room_id, "Can you hear me?");
	const own = await third.say(room_id, "Silence");
	await third.sees(room_id, own);
	ok(!third.client.getRoom(room_id).findEventById(unheard));
	await third.client.setIgnoredUsers([]);
	const heard = await bob.say(room_id, "And now?");
	equal(await third.reads(room_id, heard), "And now?");
});

step("devices are listed, renamed and removed with the password", async ({ alice, bob }) => {
	const spare = await Device.login(bob.userId, { displayName: "spare" });
	await bob.client.setDeviceDetails(spare.id, { display_name: "a spare one" });
	const { devices } = await bob.client.getDevices();
	const names = Object.fromEntries(devices.map((device) => [device.device_id, device.display_name]));
	equal([names[bob.id], names[spare.id]], ["bob's first", "a spare one"]);
	equal((await bob.client.getDevice(spare.id)).display_name, "a spare one");
	await spare.client.initRustCrypto({ useIndexedDB: false });
	await spare.client.startClient();
	await until("alice learns of it", async () =>
		(await alice.crypto.getUserDeviceInfo([bob.userId])).get(bob.userId)?.has(spare.id));
	const { stages } = await authenticate(bob.client, (auth) => bob.client.deleteDevice(spare.id, auth ?? undefined),
		{ userId: bob.userId });
	equal(stages, ["m.login.password"]);
	await until("alice learns that it is gone", async () =>
		!(await alice.crypto.getUserDeviceInfo([bob.userId])).get(bob.userId).has(spare.id));
	const lost = await refused(spare.client.whoami(), "M_UNKNOWN_TOKEN", 401);
	ok(!lost.data.soft_logout);
	spare.stop();
});

step("what the server can do is told", async ({ alice }) => {
	const capabilities = await alice.client.getCapabilities();
	ok(capabilities["m.change_password"].enabled);
	equal(capabilities["m.room_versions"].available["12"], "stable");
	ok(await alice.client.isVersionSupported("v1.11"));
	const { flows } = await alice.client.loginFlows();
	ok(flows.some((flow) => flow.type === "m.login.password"));
	equal(await alice.client.isUsernameAvailable("nobodyyet"), true);
	equal(await alice.client.isUsernameAvailable("alice"), false);
});

step("keyword and sender push rules take effect", async ({ alice, bob }) => {
	await bob.client.addPushRule("global", "content", "cake", { pattern: "cake", actions: ["notify", { set_tweak: "highlight" }] });
	await bob.client.addPushRule("global", "sender", alice.userId, { actions: ["notify"] });
	const rules = await bob.client.getPushRules();
	equal(rules.global.content[0].rule_id, "cake");
	await bob.client.setPushRuleEnabled("global", "content", "cake", false);
	equal((await bob.client.getPushRules()).global.content.find((rule) => rule.rule_id === "cake").enabled, false);
	await bob.client.setPushRuleEnabled("global", "content", "cake", true);
	const { room_id } = await alice.client.createRoom({ preset: "private_chat", invite: [bob.userId] });
	await until("bob is invited", () => bob.client.getRoom(room_id));
	await bob.client.joinRoom(room_id);
	const shown = await bob.joined(room_id);
	await alice.say(room_id, "There is Cake!");
	await until("cake is a highlight", () => shown.getRoomUnreadNotificationCount("highlight") === 1);
	await bob.client.deletePushRule("global", "content", "cake");
	await bob.client.deletePushRule("global", "sender", alice.userId);
});
