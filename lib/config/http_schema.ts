/** Keys about web pages and files: the ports they are served at, and their limits. */

import * as v from "valibot";
import {
  bytes,
  duration,
  ipAddress,
  list,
  network,
  oneOf,
  optionalSetting,
  setting,
  table,
  url,
  wholeNumber,
} from "./setting.ts";

/** One `[[listen.http]]`. */
export const httpListener = v.strictObject({
  address: setting(
    list(ipAddress()),
    ["127.0.0.1", "::1"],
    'Addresses to listen on; ["0.0.0.0", "::"] is all of them.',
  ),
  port: setting(wholeNumber(0, 65_535), 5281, "TCP port. 0 takes any that is free."),
  tls: setting(
    oneOf("direct", "none"),
    "direct",
    'https ("direct"), or "none": http, for a reverse proxy on this machine.',
  ),
});

/** The table `[http]`. */
export const http = table({
  public_url: optionalSetting(
    url(),
    "https://{host}",
    "Where a reverse proxy serves this; {host} is the host's domain. Else https://DOMAIN:PORT.",
  ),
  trusted_proxies: setting(
    list(network()),
    ["127.0.0.1", "::1"],
    "Reverse proxies (addresses, or networks as 10.0.0.0/8) whose X-Forwarded-For is believed.",
  ),
  connections: setting(
    wholeNumber(1, 1_000_000),
    1000,
    "HTTP connections at a time; never more than half of limits.connections.",
  ),
  body_bytes: setting(
    bytes(1_000, 1 << 30),
    "64 KiB",
    "Largest body of a request. Files that are uploaded have limits of their own.",
  ),
  header_timeout: setting(
    duration("1s", "5m"),
    "10s",
    "Time for the first request's header on a connection.",
  ),
  idle_timeout: setting(
    duration("1s", "10m"),
    "30s",
    "Time from an answer to the end of the next request's header; then the connection is closed.",
  ),
  stall_timeout: setting(
    duration("1s", "10m"),
    "30s",
    "Time in which a client must send or take something of a body, and min_rate for each second.",
  ),
  min_rate: setting(
    bytes(1, 1 << 20, { off: true }),
    256,
    "Bytes in a second that a body must come in with, on average over stall_timeout; 0 for any.",
  ),
}, "HTTP.");
