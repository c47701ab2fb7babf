interface SparklineProps {
  values: readonly number[];
  width?: number;
  height?: number;
  ink?: string;
}

/** The shape of the last values; the number stands beside it. */
export function Sparkline({ values, width = 96, height = 24, ink = "var(--accent)" }: SparklineProps) {
  const top = Math.max(...values, 1e-9) * 1.05;
  const x = (at: number) => (values.length < 2 ? width : (at / (values.length - 1)) * width);
  const y = (value: number) => height - 1 - (Math.max(0, value) / top) * (height - 2);
  const line = values.map((value, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  return (
    <svg width="100%" height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {values.length > 1 && <path d={`${line}L${width} ${height}L0 ${height}Z`} fill={ink} opacity={0.1} />}
      {values.length > 1 && <path d={line} fill="none" stroke={ink} strokeWidth={1.4} vectorEffect="non-scaling-stroke" />}
    </svg>
  );
}
