const PATHS = {
  shop: "M3 6.5h10l-.8 7H3.8L3 6.5ZM5.5 6.5V5a2.5 2.5 0 0 1 5 0v1.5",
  spark: "M8 2.5l1.4 4.1L13.5 8l-4.1 1.4L8 13.5 6.6 9.4 2.5 8l4.1-1.4L8 2.5Z",
  pulse: "M2 8.5h2.6L6.4 4l3 8.5L11.3 8.5H14",
  people: "M6 7.5a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5ZM2 13c0-2.2 1.8-3.5 4-3.5s4 1.3 4 3.5M10.5 7.3a2 2 0 1 0-.7-3.9M11.2 9.7c1.7.2 2.8 1.4 2.8 3.3",
  bell: "M4 7a4 4 0 0 1 8 0c0 3.2 1.2 4.2 1.2 4.2H2.8S4 10.2 4 7ZM6.6 13.4a1.6 1.6 0 0 0 2.8 0",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.4 10.4 13.5 13.5",
  cart: "M2 3h1.7l1.6 7.2h6.3L13.2 5H4.2M6 13.2a.6.6 0 1 0 0-1.2.6.6 0 0 0 0 1.2ZM11 13.2a.6.6 0 1 0 0-1.2.6.6 0 0 0 0 1.2Z",
  heart: "M8 13S2.7 9.9 2.7 6.2A2.7 2.7 0 0 1 8 5a2.7 2.7 0 0 1 5.3 1.2C13.3 9.9 8 13 8 13Z",
  bag: "M4 5.5h8l.6 8H3.4l.6-8ZM6 7.5V4.8a2 2 0 0 1 4 0v2.7",
  minus: "M4 8h8",
  plus: "M8 4v8M4 8h8",
  menu: "M3 4.5h10M3 8h10M3 11.5h10",
  check: "M3.5 8.5l3 3 6-7",
  x: "M4 4l8 8M12 4l-8 8",
  up: "M8 12.5v-9M4.5 7 8 3.5 11.5 7",
  down: "M8 3.5v9M4.5 9 8 12.5 11.5 9",
  chevron: "M4.5 6.5 8 10l3.5-3.5",
  play: "M5 3.5v9l7.5-4.5L5 3.5Z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  stop: "M4.5 4.5h7v7h-7z",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 2v1.2M8 12.8V14M2 8h1.2M12.8 8H14M3.8 3.8l.8.8M11.4 11.4l.8.8M3.8 12.2l.8-.8M11.4 4.6l.8-.8",
  moon: "M13 9.6A5.4 5.4 0 0 1 6.4 3 5.4 5.4 0 1 0 13 9.6Z",
  warn: "M8 2.8 14 13H2L8 2.8ZM8 6.6v3M8 11.2v.1",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.4v3.4M8 5.2v.1",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  keyboard: "M2 4.5h12v7H2zM4.5 7h.1M7 7h.1M9.4 7h.1M11.6 7h.1M5 9.3h6",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  user: "M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM3.2 13.4c0-2.5 2.1-3.9 4.8-3.9s4.8 1.4 4.8 3.9",
  globe: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM2 8h12M8 2c2 1.8 2.6 3.8 2.6 6S10 12.2 8 14c-2-1.8-2.6-3.8-2.6-6S6 3.8 8 2Z",
  thumbDown: "M5 2.8h5.6c.7 0 1.2.4 1.4 1l1 3.5c.2.9-.4 1.7-1.3 1.7H9l.5 2.6c.2.9-.4 1.7-1.3 1.7L5 8.6V2.8ZM5 2.8H3v5.8h2",
  tag: "M2.8 2.8h5l5.4 5.4-5 5-5.4-5.4v-5ZM5.4 5.4h.1",
  box: "M2.8 5 8 2.3 13.2 5v6L8 13.7 2.8 11V5ZM2.8 5 8 7.8 13.2 5M8 7.8v5.9",
  swap: "M3 5.5h9M9.5 3 12 5.5 9.5 8M13 10.5H4M6.5 8 4 10.5 6.5 13",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.2 1.6",
  key: "M10.2 9.3a3.3 3.3 0 1 0-3.1-2.2L2.5 11.7v1.8h2.2v-1.6h1.6v-1.6l2-1.3M11 5.1v.1",
  leave: "M6.5 2.8H3.2v10.4h3.3M6.5 8h7M10.8 5.2 13.5 8l-2.7 2.8",
  eye: "M1.8 8S4 4 8 4s6.2 4 6.2 4-2.2 4-6.2 4-6.2-4-6.2-4ZM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z",
} as const;

export type IconName = keyof typeof PATHS;

interface IconProps {
  name: IconName;
  size?: number;
  filled?: boolean;
}

/** A drawn sign; always beside a word or inside something labelled. */
export function Icon({ name, size = 16, filled = false }: IconProps) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill={filled ? "currentColor" : "none"} stroke="currentColor" strokeWidth={1.4} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
