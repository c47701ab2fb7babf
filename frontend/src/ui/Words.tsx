/** A text in which `backticks` mark what one types. */
export function Words({ text }: { text: string }) {
  return text.split("`").map((part, at) => (at % 2 ? <code key={at} className="mono">{part}</code> : part));
}
