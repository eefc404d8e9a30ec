/** The looks of the pages: light, dark, or as the reader has it. Made once, for the colours are many. */

import { hex, hsluv, HUES } from "./colour.ts";

/** Lightness that can be read: on a light page, and on a dark one. */
const ON_LIGHT = 43;
const ON_DARK = 72;
const SATURATION = 88;

const LIGHT = `
  color-scheme: light;
  --page: #f6f5f2; --card: #ffffff; --text: #22211f; --soft: #6a665f; --faint: #726d65;
  --line: #e2ded7; --accent: #1f6f5c; --mark: #fff3c9;`;
const DARK = `
  color-scheme: dark;
  --page: #151716; --card: #1d201f; --text: #e9e7e2; --soft: #a3a099; --faint: #96938c;
  --line: #323533; --accent: #6cc9b1; --mark: #3d3719;`;

export function styleSheet(): string {
  const hues = Array.from({ length: HUES }, (_, i) => {
    const hue = (i + 0.5) * 360 / HUES;
    const colour = (lightness: number) => hex(hsluv(hue, SATURATION, lightness));
    return `.h${i}{--l:${colour(ON_LIGHT)};--d:${colour(ON_DARK)}}`;
  });
  return `${STYLE.trim()}\n${hues.join("\n")}\n`;
}

const STYLE = `
:root {${LIGHT}
}
:root.dark {${DARK}
}
.nick { color: var(--l); }
.dark .nick { color: var(--d); }
@media (prefers-color-scheme: dark) {
  :root.auto {${DARK}
  }
  .auto .nick { color: var(--d); }
}

* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
a { color: var(--accent); text-decoration-thickness: .06em; text-underline-offset: .15em; }
a:focus-visible, input:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .2rem;
}
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; padding-bottom: .75rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 1.75rem 0 .25rem; }
h3 { font-size: 1rem; font-weight: 600; margin: 0; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.crumbs, .about, footer, .address { color: var(--soft); font-size: .9rem; }
.crumbs { margin: 0 0 .4rem; }
.about { white-space: pre-line; max-width: 44rem; }
footer { padding-top: 1.25rem; padding-bottom: 2.5rem; }

/* lists of rooms and of days */
.card { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; }
.rooms { list-style: none; margin: .75rem 0; padding: 0; }
.rooms li { padding: .9rem 1.1rem; border-top: 1px solid var(--line); }
.rooms li:first-child { border-top: 0; }
.rooms .title { font-weight: 600; overflow-wrap: anywhere; }
.rooms .last { float: right; margin-left: 1rem; color: var(--soft); font-size: .9rem; }
.rooms .about { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; }
.month { display: grid; grid-template-columns: 7rem 1fr; gap: .5rem; padding: .7rem 1.1rem; }
.month + .month { border-top: 1px solid var(--line); }
.month h3 { padding-top: .3rem; }
.days { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem; margin: 0; padding: 0; }
.days a {
  display: block; min-width: 2.5rem; padding: .3rem .4rem; text-align: center; border-radius: .45rem;
  text-decoration: none; font-variant-numeric: tabular-nums;
}
.days a:hover { background: var(--accent); color: var(--card); }
.empty { padding: 1.25rem; color: var(--soft); }

/* a day */
nav {
  position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--line);
}
nav ul {
  list-style: none; display: flex; flex-wrap: wrap; justify-content: space-between; gap: .1rem 1rem;
  max-width: 60rem; margin: 0 auto; padding: .5rem 1.25rem; font-size: .95rem;
}
nav li:empty { display: none; }
nav + main { padding-top: .6rem; }
.parts { margin: .6rem 0; font-size: .95rem; color: var(--soft); }
.parts a, .parts b { padding: 0 .3rem; }
.hide { display: inline-block; color: var(--soft); font-size: .9rem; padding: .25rem 0; cursor: pointer; }
#quiet { accent-color: var(--accent); margin: 0 .3rem 0 0; vertical-align: -.1em; }
#quiet:checked ~ .log .passing { display: none; }
.log { list-style: none; margin: .5rem 0; padding: .5rem 0; }
.log li {
  display: grid; grid-template-columns: 4.4rem 8.5rem minmax(0, 1fr); gap: 0 .9rem;
  padding: .16rem 1.1rem; line-height: 1.45;
}
.log li:target { background: var(--mark); }
.time {
  color: var(--faint); font-size: .82rem; line-height: 1.77; text-decoration: none;
  font-variant-numeric: tabular-nums;
}
.time:hover { text-decoration: underline; }
.nick { font-weight: 600; overflow-wrap: anywhere; }
.log .who { text-align: right; }
.text { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; min-width: 0; }
.action .text, .event .text { grid-column: 2 / -1; }
.action .text { font-style: italic; }
.action .text .nick { font-style: normal; }
.event .text { color: var(--soft); font-size: .9rem; line-height: 1.6; }
.passing .text, .passing .nick { color: var(--faint); }
.passing .nick { font-weight: inherit; }
.is-subject .text { color: var(--text); }
.corrected .text { opacity: .6; }
.tag {
  font-size: .75rem; color: var(--soft); border: 1px solid var(--line); border-radius: .35rem;
  padding: .02rem .35rem; margin-right: .4rem; text-decoration: none; white-space: nowrap;
  font-style: normal; vertical-align: .08em;
}

@media (max-width: 40rem) {
  header, main, footer, nav ul { padding-left: .9rem; padding-right: .9rem; }
  .log { margin-left: -.9rem; margin-right: -.9rem; border-radius: 0; border-left: 0; border-right: 0; }
  .log li { grid-template-columns: minmax(0, 1fr) auto; padding: .3rem .9rem; gap: 0 .6rem; }
  .log .who { text-align: left; }
  .log .time { order: 2; }
  .log .message .text { order: 3; grid-column: 1 / -1; }
  .action .text, .event .text { grid-column: 1; }
  .month { grid-template-columns: 1fr; }
  .days a { padding: .45rem .4rem; }
}
@media print {
  nav, .hide, #quiet, footer { display: none; }
  .card { border: 0; }
  .log li { break-inside: avoid; }
}
`;
