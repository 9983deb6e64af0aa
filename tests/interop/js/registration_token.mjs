// SPDX-License-Identifier: Apache-2.0
// Registration where the server demands a token.
import { Device, client } from "./device.mjs";
import { equal, refused, runSteps, step } from "./steps.mjs";

step("registration token: checked before it is used", async () => {
	const { valid } = await client().http.request("GET", "/register/m.login.registration_token/validity", { token: "welcome" },
		undefined, { prefix: "/_matrix/client/v1" });
	equal(valid, true);
});

step("registration token: opens the door once", async () => {
	const carol = await Device.register("carol", { token: "welcome" });
	equal(carol.stages, ["m.login.registration_token"]);
	equal((await carol.client.whoami()).user_id, "@carol:example.com");
	const again = client();
	const { data } = await refused(again.registerRequest({ username: "carol2", password: "x12345678" }), null, 401);
	await refused(again.registerRequest({ username: "carol2", password: "x12345678",
		auth: { type: "m.login.registration_token", token: "welcome", session: data.session } }), "M_UNAUTHORIZED", 401);
});

await runSteps({});
