// SPDX-License-Identifier: Apache-2.0
// The whole scenario in order. Alice and Bob of the first two steps stay signed in throughout.
import { runSteps } from "./steps.mjs";
import "./step_messages.mjs";
import "./step_trust.mjs";
import "./step_relations.mjs";
import "./step_reading.mjs";
import "./step_backup.mjs";

await runSteps({});
