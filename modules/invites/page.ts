/** The pages of an invitation, as HTML that needs no script and loads nothing. */

import { html, raw } from "hono/html";
import encodeQR from "qr";
import { type Platform, PLATFORMS } from "./apps.ts";
import { STYLE } from "./style.ts";

type Html = ReturnType<typeof html>;

/** What the page of an invitation says. */
export interface PageContent {
  readonly domain: string;
  /** Bare JID of who invites, if it is an account. */
  readonly contact: string | undefined;
  readonly uri: string;
  /** ms since the epoch. */
  readonly expires: number;
  readonly platform: Platform;
  /** An account may be made with it. */
  readonly register: boolean;
  /** The form to make it here; undefined if there is none. */
  readonly form: FormContent | undefined;
}

export interface FormContent {
  /** What has been written before, or the only name there is. */
  readonly username: string;
  readonly fixed: boolean;
  /** Why the last attempt came to nothing. */
  readonly problem: string | undefined;
}

/** Beyond it a code is too fine for cameras, and soon impossible (ISO/IEC 18004: 2331 bytes). */
const QR_LENGTH = 1000;

const BUBBLE = raw(
  `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">
<path d="M4 4h11a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2H9l-4 3v-3H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z"/>
<path d="M19.5 9.5a2 2 0 0 1 2 2V16a2 2 0 0 1-2 2v2.6L16 18h-5"/></svg>`,
);

function layout(title: string, body: Html): Html {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="robots" content="noindex">
        <link rel="icon" href="data:,">
        <title>${title}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <main>
    ${body}
        </main>
      </body>
    </html>
  `;
}

export function invitationPage(content: PageContent): Html {
  const { contact, domain, register, platform, uri } = content;
  const name = contact === undefined ? undefined : contact.slice(0, contact.indexOf("@"));
  const title = name === undefined ? `Your invitation to ${domain}` : `${name} invites you to chat`;
  const lead = contact === undefined
    ? html`Make an account at <strong>${domain}</strong> and chat with anybody, on any server.`
    : html`Add <strong>${contact}</strong> to your contacts and talk to each other.`;
  return layout(
    title,
    html`
      <header>
      ${BUBBLE}
      <h1>${title}</h1>
      <p class="lead">${lead}</p>
      </header>
      <section class="step"><span class="number" aria-hidden="true">1</span><div>
      <h2>Get an app for ${PLATFORMS[platform].title}</h2>
      <p class="small">Have one already? Then go on below.</p>
      ${apps(platform)}
      <details><summary>Apps for other systems</summary>
      ${others(platform)}
      </details>
      </div></section>
      <section class="step"><span class="number" aria-hidden="true">2</span><div>
      <h2>Open the invitation in the app</h2>
      <p>${howTo(register, contact !== undefined)}</p>
      <p><a class="button" href="${uri}">Open in the app</a></p>
      <p class="small">Nothing happens? The app has to be installed first. Then come back to this page.</p>
      ${qrSection(uri)}
      </div></section>
      ${content.form === undefined ? "" : formSection(content, content.form)}
      <footer>
        <p>Good until ${dateOf(content.expires)}.</p>
        <p>You did not expect this? Then just close the page.</p>
      </footer>
    `,
  );
}

function howTo(register: boolean, hasContact: boolean): string {
  if (!register) return "The app asks whether you want to add the contact; say yes.";
  return hasContact
    ? "The app makes an account for you, if you have none, and adds the contact."
    : "The app makes your account: choose a password, and that is all.";
}

function apps(platform: Platform): Html {
  return html`<ul>${
    PLATFORMS[platform].apps.map(({ name, url, about }) =>
      html`<li><a href="${url}" rel="noopener noreferrer">${name}</a><span>${about}</span></li>`
    )
  }</ul>`;
}

function others(platform: Platform): Html {
  const keys = (Object.keys(PLATFORMS) as Platform[]).filter((p) => p !== platform);
  return html`${keys.map((p) => html`<h3>${PLATFORMS[p].title}</h3>${apps(p)}`)}`;
}

function formSection({ domain }: PageContent, form: FormContent): Html {
  const { username, fixed, problem } = form;
  return html`
    <section>
      <details${problem === undefined ? "" : raw(" open")}>
    <summary>Or make the account here, in the browser</summary>
    ${problem === undefined ? "" : html`<p class="bad" role="alert">${problem}</p>`}
    <form method="post">
    <label for="username">Name</label>
    <div class="name">
    <input id="username" name="username" value="${username}" required maxlength="1023"
    autocomplete="username" autocapitalize="none" spellcheck="false"${fixed
      ? raw(" readonly")
      : ""}>
    <span>@${domain}</span>
    </div>
    <label for="password">Password</label>
    <input id="password" name="password" type="password" required autocomplete="new-password">
    <label for="again">Password, once more</label>
    <input id="again" name="again" type="password" required autocomplete="new-password">
    <button>Make the account</button>
    </form>
    </details>
    </section>
  `;
}

/** The account is there. */
export function welcomePage(
  jid: string,
  contact: string | undefined,
  platform: Platform,
): Html {
  const friend = contact === undefined
    ? ""
    : html`<p><strong>${contact}</strong> is in your contacts.</p>`;
  return layout(
    "Welcome",
    html`<header>
${BUBBLE}
<h1>Welcome!</h1>
<p class="lead">Your account is ready. This is your address:</p>
<p><code>${jid}</code></p>
</header>
<section>
<h2>Now log in with an app for ${PLATFORMS[platform].title}</h2>
<p>It asks for the address above and for the password that you have just chosen.</p>
${friend}
${apps(platform)}
<details><summary>Apps for other systems</summary>
${others(platform)}
</details>
</section>`,
  );
}

/** There is no such invitation, or not any more. */
export function gonePage(domain: string): Html {
  return layout(
    "This invitation is over",
    html`
      <header>
      ${BUBBLE}
      <h1>This invitation is over</h1>
      <p class="lead">It has been used, or its time has passed.</p>
      </header>
      <section>
        <p>Ask who has sent it to you for a new one to <strong>${domain}</strong>, and check that
      the whole address of the page was copied.</p>
      </section>
    `,
  );
}

/** Names of a thousand characters do not fit into a code. */
function qrSection(uri: string): Html | string {
  if (uri.length > QR_LENGTH) return "";
  return html`
    <div class="qr for-desk">
      <p class="small">Or scan this with the app on your phone:</p>
      ${qrCode(uri)}
    </div>
  `;
}

/** A QR code as one path: dark runs, row by row. */
export function qrCode(text: string): Html {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  let path = "";
  for (const [y, row] of rows.entries()) {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const start = x;
      while (row[x + 1]) x++;
      path += `M${start} ${y}h${x + 1 - start}v1h${start - x - 1}z`;
    }
  }
  const size = rows.length;
  return html`
    <svg viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code of the invitation"
      shape-rendering="crispEdges">
      <path fill="currentColor" d="${path}" />
    </svg>
  `;
}

function dateOf(ms: number): string {
  return new Date(ms).toLocaleDateString("en", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}
