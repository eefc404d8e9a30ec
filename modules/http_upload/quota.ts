/** Who may have a slot: sizes, quotas and rates, each with the error that XEP-0363 §6 has for it. */

import { StanzaError } from "../../lib/errors.ts";
import { formatDateTime } from "../../lib/formats/datetime.ts";
import { Recent } from "../../lib/recent.ts";
import { xml } from "../../lib/xml/element.ts";
import type { UploadHost } from "./config.ts";
import { type SlotRequest, UPLOAD_NS } from "./request.ts";
import { NEVER, type Statements } from "./table.ts";

export const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Accounts whose rate is remembered; one that is forgotten has a full allowance. */
const RATES = 20_000;

interface Rate {
  tokens: number;
  at: number;
}

export class Quota {
  readonly #host: UploadHost;
  readonly #sql: Statements;
  readonly #rates = new Recent<Rate>(RATES);
  /** Bytes of all accounts; from the database at first, then kept here. */
  #total: number | undefined;

  constructor(host: UploadHost, sql: Statements) {
    this.#host = host;
    this.#sql = sql;
  }

  /**
   * Counts an upload in; `add` takes it out again.
   * @throws StanzaError if the account may not upload this now
   */
  async take(node: string, request: SlotRequest, now: number): Promise<void> {
    const { config, domain } = this.#host;
    const profile = request.purpose === "profile";
    const largest = profile
      ? Math.min(config.profile_file_size, config.max_file_size)
      : config.max_file_size;
    if (request.size > largest) throw tooLarge(largest);
    this.#rate(node, now);
    const account = { host: domain, node };
    const usage = await this.#sql.usage.first({ ...account, now });
    const next = usage?.next ?? undefined;
    if (Number(usage?.count ?? 0) >= config.quota_files) {
      throw full("You have as many files here as you may have", next, now);
    }
    if (config.quota > 0 && Number(usage?.size ?? 0) + request.size > config.quota) {
      throw full(`You may have ${config.quota} bytes here`, next, now);
    }
    if (profile) {
      const { size = 0 } = await this.#sql.profile.first({ ...account, now }) ?? {};
      if (Number(size ?? 0) + request.size > config.profile_quota) {
        throw full(`You may have ${config.profile_quota} bytes of avatars here`, undefined, now);
      }
    }
    if (config.quota_per_day > 0) {
      const day = await this.#sql.since.first({ ...account, since: now - DAY_MS, now });
      if (Number(day?.size ?? 0) + request.size > config.quota_per_day) {
        const again = (day?.first ?? now) + DAY_MS;
        throw full(`You may upload ${config.quota_per_day} bytes in a day`, again, now);
      }
    }
    await this.#known();
    const total = this.#total!;
    if (config.quota_of_all > 0 && total + request.size > config.quota_of_all) {
      this.#host.log.warn("no room for another file: quota_of_all is reached", { bytes: total });
      throw full("There is no room for more files", undefined, now);
    }
    // In the same turn as the comparison: accounts do not wait for each other.
    this.#total = total + request.size;
  }

  /** Bytes have come or gone. */
  async add(bytes: number): Promise<void> {
    await this.#known();
    this.#total! += bytes;
  }

  async #known(): Promise<number> {
    if (this.#total !== undefined) return this.#total;
    const row = await this.#sql.total.first({ host: this.#host.domain });
    return this.#total ??= Number(row?.size ?? 0);
  }

  #rate(node: string, now: number): void {
    const { slots_per_minute } = this.#host.config;
    let rate = this.#rates.get(node);
    if (rate === undefined) this.#rates.set(node, rate = { tokens: slots_per_minute, at: now });
    const filled = rate.tokens + (now - rate.at) / MINUTE_MS * slots_per_minute;
    rate.tokens = Math.min(slots_per_minute, Math.max(0, filled));
    rate.at = now;
    if (rate.tokens < 1) {
      const wait = (1 - rate.tokens) / slots_per_minute * MINUTE_MS;
      throw full(`You may begin ${slots_per_minute} uploads in a minute`, now + wait, now);
    }
    rate.tokens--;
  }
}

function tooLarge(largest: number): StanzaError {
  return new StanzaError("not-acceptable", {
    text: `File too large. The maximum file size is ${largest} bytes`,
    app: xml(
      "file-too-large",
      UPLOAD_NS,
      {},
      xml("max-file-size", UPLOAD_NS, {}, String(largest)),
    ),
  });
}

/** `again` is when it may work; nobody knows if it is never. */
function full(text: string, again: number | undefined, now: number): StanzaError {
  const known = again !== undefined && again < NEVER && again > now;
  // Seconds are enough, and the moment must not be too early.
  const stamp = known ? formatDateTime(Math.ceil(again / 1000) * 1000, "s") : undefined;
  return new StanzaError("resource-constraint", {
    text,
    app: stamp === undefined ? undefined : xml("retry", UPLOAD_NS, { stamp }),
  });
}
