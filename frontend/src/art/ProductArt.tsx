import { memo, useId } from "react";

import { hash32 } from "~/lib/id";

import { chooseMotif, choosePalette } from "./choose";
import { MOTIFS } from "./motifs";
import type { Ink, Stroke } from "./shapes";

interface ProductArtProps {
  productId: string;
  name: string;
  category: string;
  colour?: string | undefined;
  className?: string | undefined;
}

/** A picture of a product, drawn from its name, category and id: always the same for the same product. */
export const ProductArt = memo(function ProductArt({ productId, name, category, colour, className }: ProductArtProps) {
  const id = useId();
  const palette = choosePalette(name, category, productId, colour);
  const strokes: readonly Stroke[] = MOTIFS[chooseMotif(name, category)];
  const inks: Record<Ink, string> = { a: palette.a, b: palette.b, c: palette.c, d: "#2b2f36", e: "#fbfaf7", w: "#b08556" };
  const seed = hash32(productId);
  const lean = (seed % 7) - 3;
  return (
    <svg viewBox="0 0 120 120" className={className} aria-hidden="true" focusable="false" preserveAspectRatio="xMidYMid slice">
      <defs>
        <radialGradient id={id} cx={`${40 + (seed % 20)}%`} cy="34%" r="80%">
          <stop offset="0" stopColor={palette.glow} />
          <stop offset="1" stopColor={palette.ground} />
        </radialGradient>
      </defs>
      <rect x="-40" y="-40" width="200" height="200" fill={`url(#${id})`} />
      <ellipse cx="60" cy="94" rx="40" ry="5" fill="#1b2430" opacity="0.13" />
      <g transform={`translate(60 92) scale(0.9) rotate(${lean * 0.5}) translate(-60 -92)`}>
        {strokes.map(([ink, path, width], at) =>
          width ? <path key={at} d={path} fill="none" stroke={inks[ink]} strokeWidth={width} strokeLinecap="round" strokeLinejoin="round" /> : <path key={at} d={path} fill={inks[ink]} />,
        )}
      </g>
    </svg>
  );
});
