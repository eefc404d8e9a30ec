/** The server's own capabilities: the `<c/>` of its streams' features, and the nodes they name. */

import { xml } from "../../lib/xml/element.ts";
import type { Element } from "../../lib/xml/element.ts";
import { discoInfoElement } from "../../lib/formats/disco.ts";
import type { DiscoInfo } from "../../lib/hooks/disco.ts";
import { caps1Hash, caps1Input, caps2Hash, caps2Input } from "./hashes.ts";
import { CAPS1_NS, CAPS2_NS } from "./learned.ts";

const HASHES_NS = "urn:xmpp:hashes:2";

/** XEP-0300 §4 has every implementation know the first; the second is the one for the days after. */
const ANNOUNCED = ["sha-256", "sha3-256"] as const;

/** Sets of hashes that are still answered for; XEP-0390 §6.1 wants at least three. */
const REMEMBERED = 8;

interface Version {
  readonly info: DiscoInfo;
  readonly features: readonly Element[];
  readonly nodes: readonly string[];
}

export class OwnCaps {
  readonly #node: string;
  /** By what the disco#info says, the latest last. */
  readonly #versions = new Map<string, Version>();

  /** @param node the URI of this software */
  constructor(node: string) {
    this.#node = node;
  }

  /** The stream features that announce this disco#info: XEP-0115 §6.3 and XEP-0390 §5.2. */
  announce(info: DiscoInfo): readonly Element[] {
    const key = keyOf(info);
    let version = this.#versions.get(key);
    if (version === undefined) {
      version = this.#version(info, discoInfoElement(info));
      this.#versions.set(key, version);
      if (this.#versions.size > REMEMBERED) {
        for (const oldest of this.#versions.keys()) {
          this.#versions.delete(oldest);
          break;
        }
      }
    }
    return version.features;
  }

  /** The disco#info of a node that was announced. */
  find(node: string): DiscoInfo | undefined {
    for (const version of this.#versions.values()) {
      if (version.nodes.includes(node)) return version.info;
    }
    return undefined;
  }

  #version(info: DiscoInfo, query: Element): Version {
    const features: Element[] = [];
    const nodes: string[] = [];
    const input1 = caps1Input(query);
    if (input1 !== undefined) {
      const ver = caps1Hash(input1, "sha-1");
      features.push(xml("c", CAPS1_NS, { hash: "sha-1", node: this.#node, ver }));
      nodes.push(`${this.#node}#${ver}`);
    }
    const input2 = caps2Input(query);
    if (input2 !== undefined) {
      const hashes = ANNOUNCED.map((algo) => [algo, caps2Hash(input2, algo)] as const);
      const elements = hashes.map(([algo, value]) => xml("hash", HASHES_NS, { algo }, value));
      features.push(xml("c", CAPS2_NS, {}, ...elements));
      for (const [algo, value] of hashes) nodes.push(`${CAPS2_NS}#${algo}.${value}`);
    }
    return { info, features, nodes };
  }
}

/** Every login asks for the announcement: what is the same as before must be seen without much ado. */
function keyOf({ identities, features, forms }: DiscoInfo): string {
  let key = "";
  for (const feature of features) key += feature + "\n";
  for (const { category, type, lang = "", name = "" } of identities) {
    key += `\n${category}\t${type}\t${lang}\t${name}`;
  }
  for (const form of forms) key += `\n\n${form}`;
  return key;
}
