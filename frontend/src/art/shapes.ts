/** `a` the product's colour, `b` its shade, `c` its light, `d` near black, `e` near white, `w` wood or leather. */
export type Ink = "a" | "b" | "c" | "d" | "e" | "w";

/** Ink, outline, and a stroke width where it is a line and not an area. */
export type Stroke = readonly [ink: Ink, path: string, width?: number];

export const circle = (x: number, y: number, r: number): string => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;

export const box = (x: number, y: number, w: number, h: number, r = 3): string =>
  `M${x + r} ${y}h${w - 2 * r}a${r} ${r} 0 0 1 ${r} ${r}v${h - 2 * r}a${r} ${r} 0 0 1 ${-r} ${r}h${2 * r - w}a${r} ${r} 0 0 1 ${-r} ${-r}v${2 * r - h}a${r} ${r} 0 0 1 ${r} ${-r}Z`;
