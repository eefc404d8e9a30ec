/**
 * XEP-0363: HTTP File Upload: clients ask the service at `upload.DOMAIN` for a slot, a pair of URLs,
 * and upload and download with HTTP. Nobody can guess a URL, and whoever knows that of a file may have
 * it; only its owner has the one for uploading.
 */

import { join } from "node:path";
import { domainToASCII } from "node:url";
import { defineModule, type IqReply, result } from "../lib/module.ts";
import { StanzaError } from "../lib/errors.ts";
import { form } from "../lib/formats/form.ts";
import { accountDeleted } from "../lib/hooks/accounts.ts";
import { listUploads, removeUpload } from "../lib/hooks/uploads.ts";
import type { Jid } from "../lib/jid.ts";
import type { Element } from "../lib/xml/element.ts";
import { xml } from "../lib/xml/element.ts";
import { config, type Host } from "./http_upload/config.ts";
import { Files } from "./http_upload/files.ts";
import { encodeName } from "./http_upload/names.ts";
import { PURPOSE_NS, readRequest, UPLOAD_NS } from "./http_upload/request.ts";
import { migrations, NEVER, PURPOSES, type Row, statements } from "./http_upload/table.ts";
import { Uploads } from "./http_upload/uploads.ts";

const NAME = "HTTP File Upload";
const PATH = "/upload";

const SWEEP_MS = 10 * 60_000;
/** Files without an owner are looked for at the start, when all is quiet again, and once a day. */
const ORPHANS_FIRST_MS = 60_000;
const ORPHANS_MS = 24 * 3600_000;
/** Files that an administrator is shown at most. */
const LISTED = 1000;

export default defineModule({
  name: "http_upload",
  description: "Takes files that clients send to each other, and serves them over HTTP",
  xeps: { "XEP-0363": "1.2.0" },
  config,
  migrations,
  async setup(host) {
    const uploads = new Uploads(host, statements(host.store), new Files(folderOf(host)));
    await uploads.start();
    announce(host, uploads);

    host.http.route(
      PATH,
      async () => (await import("./http_upload/serve.ts")).makeApp(uploads),
      { bodyBytes: host.config.max_file_size },
    );
    host.on(accountDeleted, (account) => uploads.wipe(account.node));
    host.on(listUploads, async (account) => {
      const rows = await uploads.list(account.node, LISTED);
      return rows.map((row) => ({
        id: row.id,
        owner: account.bare,
        name: row.name,
        type: row.type,
        size: row.size,
        purpose: row.purpose,
        stored: row.stored,
        expires: row.expires === NEVER ? undefined : row.expires,
        url: urlOf(host, row),
      }));
    });
    host.on(removeUpload, async (id) => await uploads.remove(id) || undefined);
    host.every(SWEEP_MS, () => uploads.sweep());
    host.after(ORPHANS_FIRST_MS, () => {
      uploads.removeOrphans().catch((e) => {
        host.log.error("files without an owner could not be removed", { error: String(e) });
      });
    });
    host.every(ORPHANS_MS, () => uploads.removeOrphans());
    host.onUnload(() => uploads.close());
  },
});

function announce(host: Host, uploads: Uploads): void {
  const { config } = host;
  const service = host.service(config.service, NAME);
  service.feature(UPLOAD_NS);
  for (const purpose of PURPOSES) {
    if (purpose !== "permanent" || config.permanent) service.feature(`${PURPOSE_NS}#${purpose}`);
  }
  service.disco({
    info: (to, node) =>
      to.node !== "" || node !== "" ? undefined : {
        identities: [{ category: "store", type: "file", name: NAME }],
        features: new Set(),
        forms: [form({
          type: "result",
          formType: UPLOAD_NS,
          fields: [{
            type: "text-single",
            var: "max-file-size",
            value: String(config.max_file_size),
          }],
        })],
      },
    items: (to, node) => to.node !== "" || node !== "" ? undefined : { items: [] },
  });
  service.iq.get(UPLOAD_NS, "request", (iq, request) => slot(host, uploads, iq.from!, request));
}

async function slot(
  host: Host,
  uploads: Uploads,
  from: Jid,
  request: Element,
): Promise<IqReply> {
  const guest = host.account(from.toBare())?.guest === true;
  if (from.domain !== host.domain || from.node === "" || (guest && !host.config.guests)) {
    throw new StanzaError("forbidden", { text: `Only accounts of ${host.domain} may upload` });
  }
  if (host.http.url(PATH) === undefined) {
    throw new StanzaError("service-unavailable", { text: "There is no HTTP here at the moment" });
  }
  const asked = readRequest(request, host.config.permanent, Date.now());
  const row = await uploads.slot(from.node, asked);
  const url = urlOf(host, row)!;
  return result(xml(
    "slot",
    UPLOAD_NS,
    {},
    xml("put", UPLOAD_NS, { url: `${url}?put=${row.secret}` }),
    xml("get", UPLOAD_NS, { url }),
  ));
}

function urlOf(host: Host, { id, name }: Row): string | undefined {
  return host.http.url(`${PATH}/${id}/${encodeName(name)}`);
}

/** Each host has a folder of its own. */
function folderOf(host: Host): string {
  const all = host.config.folder ?? join(host.server.data, "upload");
  return join(all, encodeURIComponent(domainToASCII(host.domain) || host.domain));
}
