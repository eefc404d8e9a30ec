/** Settings that both modules of publish-subscribe have. */

import { bytes, setting, wholeNumber } from "../../lib/config/setting.ts";

export const commonSettings = {
  items_per_node: setting(
    wholeNumber(1, 1_000_000),
    10_000,
    "Items kept at one node; what `max` stands for.",
  ),
  payload_bytes: setting(bytes(1024, 16 << 20), "256 KiB", "Size of one item's payload."),
  subscriptions_per_node: setting(
    wholeNumber(1, 1_000_000),
    10_000,
    "Addresses that may be subscribed to one node.",
  ),
  affiliations_per_node: setting(
    wholeNumber(1, 1_000_000),
    10_000,
    "Addresses that may be affiliated with one node.",
  ),
  cached_nodes: setting(
    wholeNumber(16, 1_000_000),
    10_000,
    "Nodes kept in memory, the least recently used are forgotten first.",
  ),
  page_items: setting(
    wholeNumber(1, 100_000),
    1000,
    "Items in one answer; the rest comes in pages (XEP-0059).",
  ),
  page_bytes: setting(
    bytes(64 << 10, 64 << 20),
    "2 MiB",
    "Size of the items in one answer, counted in characters; one is always sent.",
  ),
};
