// SPDX-License-Identifier: Apache-2.0
// The whole scenario in order: each module adds the steps of its subject. Alice and Bob stay signed in throughout.
import { runSteps } from "./steps.mjs";

const SUBJECTS = ["messages", "trust", "sessions_begin", "relations", "reading", "backup", "crash", "gap", "late", "newcomer",
	"account", "rooms", "sessions", "upgrade"];

for (const subject of SUBJECTS)
	await import(`./step_${subject}.mjs`);
await runSteps({});
