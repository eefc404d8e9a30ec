/** The settings of stream management. */

import * as v from "valibot";
import {
  bytes,
  duration,
  oneOf,
  optionalSetting,
  setting,
  text,
  wholeNumber,
} from "../../lib/config/setting.ts";

export const config = v.strictObject({
  resume_timeout: setting(
    duration("1s", "7d", { off: true }),
    "10m",
    "How long a session waits for its client after its connection is lost; 0: it ends at once.",
  ),
  hibernated_per_account: setting(
    wholeNumber(1, 1000),
    5,
    "Sessions of one account that wait at a time; the oldest gives way.",
  ),
  queue: setting(
    wholeNumber(50, 1_000_000),
    5000,
    "Stanzas that a client has not acknowledged; with more, its session ends.",
  ),
  queue_bytes: setting(
    bytes(64 << 10, 1 << 30),
    "4 MiB",
    "Size of these stanzas, counted in characters.",
  ),
  memory: setting(
    bytes(1 << 20, 2 ** 40),
    "256 MiB",
    "Size of all such stanzas of the host; with more, the session that waits longest ends.",
  ),
  ack_stanzas: setting(
    wholeNumber(1, 1000),
    10,
    "Stanzas after which a client is asked for an acknowledgement at once.",
  ),
  ack_delay: setting(duration("1s", "10m"), "2s", "Time after which it is asked for fewer."),
  ack_timeout: setting(
    duration("1s", "1h"),
    "1m",
    "Time for the answer; then its connection counts as lost.",
  ),
  durability: setting(
    oneOf("full", "process", "off"),
    "process",
    'What waits survives "full": a power failure; "process": an end of the server; "off": neither.',
  ),
  segment_bytes: setting(
    bytes(64 << 10, 1 << 30),
    "16 MiB",
    "Size at which a file of the journal is replaced by a new one.",
  ),
  location: optionalSetting(
    text("an address, with or without a port"),
    "xmpp1.example.org:5222",
    "Where clients should connect to resume a session, if not where others connect.",
  ),
});

export type Settings = v.InferOutput<typeof config>;
