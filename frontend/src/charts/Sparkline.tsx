interface SparklineProps {
  /** Null where nothing was measured: the line has a gap there. */
  values: readonly (number | null)[];
  width?: number;
  height?: number;
  ink?: string;
}

/** The stretches between gaps, each with the place of its first value. */
export function stretches(values: readonly (number | null)[]): { start: number; values: number[] }[] {
  const found: { start: number; values: number[] }[] = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const open = found.at(-1);
    if (open?.start !== undefined && open.start + open.values.length === at) open.values.push(value);
    else found.push({ start: at, values: [value] });
  });
  return found;
}

/** The shape of the last values; the number stands beside it. */
export function Sparkline({ values, width = 96, height = 24, ink = "var(--accent)" }: SparklineProps) {
  const top = Math.max(...values.map((value) => value ?? 0), 1e-9) * 1.05;
  const x = (at: number) => ((at / Math.max(1, values.length - 1)) * width).toFixed(1);
  const y = (value: number) => (height - 1 - (Math.max(0, value) / top) * (height - 2)).toFixed(1);
  return (
    <svg width="100%" height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {stretches(values).filter((one) => one.values.length > 1).map((one) => {
        const line = one.values.map((value, at) => `${at ? "L" : "M"}${x(one.start + at)} ${y(value)}`).join("");
        return (
          <g key={one.start}>
            <path d={`${line}L${x(one.start + one.values.length - 1)} ${height}L${x(one.start)} ${height}Z`} fill={ink} opacity={0.1} />
            <path d={line} fill="none" stroke={ink} strokeWidth={1.4} vectorEffect="non-scaling-stroke" />
          </g>
        );
      })}
    </svg>
  );
}
