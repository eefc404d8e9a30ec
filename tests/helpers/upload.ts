/** What a client of XEP-0363 does. */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import type { TestClient } from "./client.ts";
import { httpPort } from "./http.ts";
import type { TestServer } from "./server.ts";
import { escape } from "./xml.ts";

const NS = "urn:xmpp:http:upload:0";

export interface Slot {
  readonly put: string;
  readonly get: string;
  readonly id: string;
}

export interface Asked {
  readonly name: string;
  readonly size: number;
  readonly type?: string;
  /** The purpose, as XML. */
  readonly inner?: string;
  /** The name has entities in it. */
  readonly escaped?: boolean;
}

let requests = 0;

export async function requestSlot(client: TestClient, asked: Asked): Promise<Slot> {
  const name = asked.escaped === true ? asked.name.replace(/&(?!#)/g, "&amp;") : escape(asked.name);
  const type = asked.type === undefined ? "" : `content-type='${escape(asked.type)}'`;
  const id = `slot${++requests}`;
  client.send(
    `<iq type='get' id='${id}' to='upload.${client.domain}'><request xmlns='${NS}' filename='${name}' ` +
      `size='${asked.size}' ${type}>${asked.inner ?? ""}</request></iq>`,
  );
  const slot = await client.receives(
    `<iq type='result' id='${id}'><slot xmlns='${NS}'><put url='{put}'/><get url='{get}'/></slot></iq>`,
  );
  const file = /\/upload\/([0-9a-f]{32})\//.exec(slot.get!);
  assert.ok(file !== null);
  return { put: slot.put!, get: slot.get!, id: file[1]! };
}

/** The same over http, on the port of the test. */
export function local(server: TestServer, url: string): string {
  return url.replace(/^https:\/\/[^/]+/, `http://localhost:${httpPort(server)}`);
}

/** Uploads so many `x`, or these bytes. */
export async function put(
  server: TestServer,
  slot: Slot,
  content: number | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const body = typeof content === "number" ? new Uint8Array(content).fill(120) : content;
  const answer = await fetch(local(server, slot.put), { method: "PUT", body, headers });
  return { status: answer.status, text: await answer.text() };
}

/** All files of uploads on the disk, unfinished ones too. */
export async function filesIn(server: TestServer, host = "localhost"): Promise<string[]> {
  const names = await readdir(`${server.data}/upload/${host}`, { recursive: true })
    .catch(() => [] as string[]);
  return names.filter((name) => name.includes("/")).sort();
}
