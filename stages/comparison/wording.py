"""A comparison as text for a terminal, as Markdown, and as JSON."""

from typing import Any

from stages.comparison.comparing import Comparison

MOST_LISTED = 10  # images of a kind; JSON has all


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything, for programs."""
    pairs = comparison.pairs
    low, high = pairs.interval
    return {
        **{
            side: {"revision": str(results.revision), "accuracy": round(results.accuracy, 6)}
            for side, results in (("a", comparison.a), ("b", comparison.b))
        },
        "n": pairs.n,
        **{"both_right": pairs.both, "only_a_right": pairs.only_a, "only_b_right": pairs.only_b},
        "both_wrong": pairs.neither,
        "difference": round(pairs.difference, 6),
        "difference_low": round(low, 6),
        "difference_high": round(high, 6),
        "exact_p": float(f"{pairs.exact_p:.6g}"),
        "mid_p": float(f"{pairs.mid_p:.6g}"),
        "smallest_difference": round(pairs.smallest_difference, 6),
        "verdict": pairs.verdict,
        "mended": list(comparison.mended.values()),
        "broken": list(comparison.broken.values()),
    }


def as_text(comparison: Comparison) -> str:
    """What a person reads in a terminal."""
    pairs = comparison.pairs
    low, high = pairs.interval
    head = f"{pairs.n:,} test images"
    lines = [
        f"A  {comparison.a.accuracy:.4f}  {comparison.a.revision}",
        f"B  {comparison.b.accuracy:.4f}  {comparison.b.revision}",
        "",
        f"{head}  {'B right':>9}  {'B wrong':>9}",
        f"{'A right':<{len(head)}}  {pairs.both:>9,}  {pairs.only_a:>9,}",
        f"{'A wrong':<{len(head)}}  {pairs.only_b:>9,}  {pairs.neither:>9,}",
        "",
        f"B - A: {pairs.difference:+.4f} (95 % interval {low:+.4f} to {high:+.4f})",
        f"McNemar's test: exact p {p_value(pairs.exact_p)}, mid-p {p_value(pairs.mid_p)}: {in_words(comparison)}",
        f"the smallest significant difference: {pairs.smallest_difference:.4f}",
    ]
    for kind, told, errors in (
        ("mended", "A said", comparison.mended),
        ("broken", "B says", comparison.broken),
    ):
        lines += ["", f"{kind}: {len(errors)}"]
        for row in list(errors.values())[:MOST_LISTED]:
            answer = f"{row['predicted']} ({100 * row['probability']:.1f} %)"
            lines.append(f"  test image {row['index']}: is {row['actual']}, {told} {answer}")
        if len(errors) > MOST_LISTED:
            lines.append(f"  and {len(errors) - MOST_LISTED} more (--json lists all)")
    return "\n".join(lines)


def in_words(comparison: Comparison) -> str:
    """The verdict on B."""
    pairs = comparison.pairs
    return f"B is {pairs.verdict}" if pairs.is_significant else pairs.verdict


def p_value(p: float) -> str:
    """A p-value in three decimals: "= 0.043" or "< 0.001"."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"
