/** The looks of the pages: one column, light or dark as the visitor has it. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f4f2ee; --card: #ffffff; --text: #22211f; --soft: #66625c; --line: #dfdbd4;
  --accent: #1f6f5c; --on-accent: #ffffff; --bad: #a8321f; --bad-page: #fbeae6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161716; --card: #212322; --text: #edebe6; --soft: #a6a39c; --line: #383b39;
    --accent: #6cc9b1; --on-accent: #0d2019; --bad: #ff9c8a; --bad-page: #3a211c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 36rem; margin: 0 auto; }
header { text-align: center; padding: .75rem 0 1.5rem; }
header svg { width: 3rem; height: 3rem; color: var(--accent); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h3 { font-size: .9rem; margin: 1rem 0 .25rem; color: var(--soft); }
p { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
section p:last-child { margin-bottom: 0; }
a { color: var(--accent); }
.lead { color: var(--soft); margin: 0; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
  padding: 1.25rem; margin: 0 0 1rem;
}
.step { display: flex; gap: .9rem; }
.step > div { flex: 1; min-width: 0; }
.number {
  flex: none; width: 1.9rem; height: 1.9rem; border-radius: 50%; background: var(--accent);
  color: var(--on-accent); font-weight: 600; text-align: center; line-height: 1.9rem;
}
.button, button {
  display: block; width: 100%; border: 0; border-radius: .6rem; padding: .8rem 1rem;
  background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer;
}
.button:hover, button:hover { filter: brightness(1.08); }
a:focus-visible, button:focus-visible, summary:focus-visible, input:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
ul { list-style: none; margin: 0; padding: 0; }
li { display: flex; flex-wrap: wrap; gap: 0 .6rem; padding: .5rem 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
li a { font-weight: 600; }
li span { color: var(--soft); }
summary { cursor: pointer; color: var(--accent); padding: .35rem 0; }
.qr { text-align: center; }
.qr svg {
  width: 12.5rem; max-width: 100%; height: auto; background: #fff; color: #000;
  border-radius: .6rem; border: 1px solid var(--line);
}
.small { font-size: .875rem; color: var(--soft); }
label { display: block; font-weight: 600; margin: .75rem 0 .25rem; }
.name { display: flex; align-items: stretch; }
.name input { border-radius: .6rem 0 0 .6rem; }
.name span {
  flex: none; max-width: 55%; padding: .65rem .7rem; border: 1px solid var(--line); border-left: 0;
  border-radius: 0 .6rem .6rem 0; color: var(--soft); background: var(--page);
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
input {
  width: 100%; min-width: 0; padding: .65rem .7rem; border: 1px solid var(--line);
  border-radius: .6rem; background: var(--card); color: var(--text); font: inherit;
}
input[readonly] { background: var(--page); }
form button { margin-top: 1.1rem; }
.bad {
  background: var(--bad-page); color: var(--bad); border-radius: .6rem; padding: .6rem .8rem;
}
code {
  font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 1.05rem;
  overflow-wrap: anywhere;
}
footer p { margin: 0; }
footer { text-align: center; color: var(--soft); font-size: .875rem; padding: .75rem 0; }
@media (max-width: 40rem) { .for-desk { display: none; } }
`;
