//! The rows.

use super::aggregate as a;
use super::kernels as k;
use super::{Aggregate, Builtin, Kernel, Memory, Nothing, Reducer, Signature};

type Row =
    (&'static str, Kernel, Option<Reducer>, Option<Aggregate>, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("abs(x: D) -> D", Kernel::One(k::abs), None, None, "The size of a value, without its sign.", "abs(price - target)", &["Vensim: ABS", "Stella: ABS"]),
    ("sqrt(x: D) -> D½", Kernel::One(k::sqrt), None, None, "The square root; the unit's powers are halved.", "sqrt(reserve_a * reserve_b)", &["Vensim: SQRT", "Stella: SQRT"]),
    ("exp(x: 1) -> 1", Kernel::One(k::exp), None, None, "e to the power x.", "exp(-time / (12 month))", &["Vensim: EXP", "Stella: EXP"]),
    ("ln(x: 1) -> 1", Kernel::One(k::ln), None, None, "The natural logarithm.", "ln(2) / (12 month)", &["Vensim: LN", "Stella: LN"]),
    ("log10(x: 1) -> 1", Kernel::One(libm::log10), None, None, "The logarithm to base 10.", "log10(holders)", &["Stella: LOG10"]),
    ("log(x: 1, base: 1) -> 1", Kernel::Two(k::log), None, None, "The logarithm to any base.", "log(8, 2)", &["Vensim: LOG"]),
    ("sin(x: 1) -> 1", Kernel::One(libm::sin), None, None, "The sine of an angle in radians.", "sin(2 * pi * time / (12 month))", &["Vensim: SIN", "Stella: SIN"]),
    ("cos(x: 1) -> 1", Kernel::One(libm::cos), None, None, "The cosine of an angle in radians.", "cos(2 * pi * time / (12 month))", &["Vensim: COS", "Stella: COS"]),
    ("tan(x: 1) -> 1", Kernel::One(libm::tan), None, None, "The tangent of an angle in radians.", "tan(angle)", &["Vensim: TAN", "Stella: TAN"]),
    ("asin(x: 1) -> 1", Kernel::One(libm::asin), None, None, "The angle in radians whose sine is x.", "asin(0.5)", &["Vensim: ARCSIN"]),
    ("acos(x: 1) -> 1", Kernel::One(libm::acos), None, None, "The angle in radians whose cosine is x.", "acos(0.5)", &["Vensim: ARCCOS"]),
    ("atan(x: 1) -> 1", Kernel::One(libm::atan), None, None, "The angle in radians whose tangent is x.", "atan(slope)", &["Vensim: ARCTAN", "Stella: ARCTAN"]),
    ("atan2(y: D, x: D) -> 1", Kernel::Two(libm::atan2), None, None, "The angle of the point (x, y), in radians.", "atan2(north, east)", &[]),
    ("floor(x: D, to: D = 1) -> D", Kernel::Round(k::floor), None, None, "The greatest multiple of `to` that is not above x.", "floor(supply, to: 1 TKN)", &["Stella: INT"]),
    ("ceil(x: D, to: D = 1) -> D", Kernel::Round(k::ceil), None, None, "The least multiple of `to` that is not below x.", "ceil(months)", &[]),
    ("round(x: D, to: D = 1) -> D", Kernel::Round(k::round), None, None, "The nearest multiple of `to`; halves go away from zero.", "round(price, to: 0.01 USD)", &["Stella: ROUND"]),
    ("trunc(x: D, to: D = 1) -> D", Kernel::Round(k::trunc), None, None, "The multiple of `to` next to x on the side of zero.", "trunc(x)", &["Vensim: INTEGER"]),
    ("mod(a: D, b: D) -> D", Kernel::Two(k::modulo), None, None, "What is left of a when b is taken out as often as it fits; it has b's sign.", "mod(time, 12 month)", &["Vensim: MODULO", "Stella: MOD"]),
    ("min(x: D...) -> D", Kernel::Fold(k::lesser), None, Some(a::MIN), "The least of its arguments.", "min(demand, supply)", &["Vensim: MIN", "Stella: MIN"]),
    ("max(x: D...) -> D", Kernel::Fold(k::greater), None, Some(a::MAX), "The greatest of its arguments.", "max(0, target - stock)", &["Vensim: MAX", "Stella: MAX"]),
    ("clamp(x: D, low: D, high: D) -> D", Kernel::Three(k::clamp), None, None, "x, but not below `low` and not above `high`.", "clamp(signal, 0, 1)", &[]),
    ("safediv(a: A, b: B, otherwise: A/B) -> A/B", Kernel::Three(k::safediv), None, None, "a / b, and `otherwise` where b is 0.", "safediv(sold, offered, otherwise: 0)", &["Vensim: XIDZ, ZIDZ", "Stella: SAFEDIV"]),
    ("step_at(height: D, t: T) -> D", Kernel::Clock(k::step_at), None, None, "0 before time t, `height` from then on.", "step_at(5%, 12 month)", &["Vensim: STEP", "Stella: STEP"]),
    ("ramp(slope: D/T, from: T, to: T) -> D", Kernel::Clock(k::ramp), None, None, "0 up to `from`, then rising by `slope`, level after `to`.", "ramp(1%/month, 6 month, 12 month)", &["Vensim: RAMP", "Stella: RAMP"]),
    ("pulse(amount: D, at: T, every: T = 0) -> D/T", Kernel::Clock(k::pulse), None, None, "A rate that moves `amount` within the step at time `at`, and again each `every`.", "pulse(1M TKN, 6 month, 12 month)", &["Stella: PULSE"]),
    ("previous(x: D, start: D = 0) -> D", Kernel::Memory(Memory::Previous), None, None, "x in the row before. In row 0 it is `start`, and without that x itself.", "price - previous(price)", &["Stella: PREVIOUS", "Vensim: DELAY FIXED by one step"]),
    ("opening(x: D) -> D", Kernel::Memory(Memory::Opening), None, None, "x in the row with which this step starts.", "opening(fund)", &["cadCAD: state at the start of the timestep"]),
    ("initial(x: D) -> D", Kernel::Memory(Memory::Initial), Some(Reducer::Initial), None, "x in row 0.", "initial(fund) / programme", &["Vensim: INITIAL", "Stella: INIT"]),
    ("total(x: D/T) -> D", Kernel::Memory(Memory::Total), Some(Reducer::Total), None, "What a rate has come to since the start; of a transfer, what it has moved.", "total(grants)", &[]),
    ("requested(x: D) -> D", Kernel::Memory(Memory::Requested), None, None, "What a flow asked for, before a cap.", "requested(sales) - sales", &[]),
    ("final(x: D) -> D", Kernel::Run, Some(Reducer::Final), None, "x in the last row.", "final(fund)", &[]),
    ("mean_over(x: D) -> D", Kernel::Run, Some(Reducer::Mean), None, "The mean of x over all rows.", "mean_over(price)", &[]),
    ("min_over(x: D) -> D", Kernel::Run, Some(Reducer::Min), None, "The least value of x in any row.", "min_over(fund)", &[]),
    ("max_over(x: D) -> D", Kernel::Run, Some(Reducer::Max), None, "The greatest value of x in any row.", "max_over(price)", &[]),
    ("sd_over(x: D) -> D", Kernel::Run, Some(Reducer::Sd), None, "The standard deviation of x over all rows (divided by n).", "sd_over(price)", &[]),
    ("at(x: D, t: T) -> D", Kernel::Run, Some(Reducer::At), None, "x in the row at time t; undefined where the run has no such row.", "at(fund, 12 month)", &[]),
    ("first_time(c: bool) -> T", Kernel::Run, Some(Reducer::FirstTime), None, "The first time at which c holds; inf if it never does.", "first_time(fund < 1M TKN)", &[]),
    ("last_time(c: bool) -> T", Kernel::Run, Some(Reducer::LastTime), None, "The last time at which c holds; -inf if it never does.", "last_time(price > 1 USD/TKN)", &[]),
    ("time_of_max(x: D) -> T", Kernel::Run, Some(Reducer::TimeOfMax), None, "The first time at which x is greatest.", "time_of_max(infected)", &[]),
    ("drawdown(x: D) -> 1", Kernel::Run, Some(Reducer::Drawdown), None, "The deepest fall of x from a peak, as a share of that peak.", "drawdown(treasury)", &[]),
    ("sum(x: [D]) -> D", Kernel::Members, None, Some(a::SUM), "The sum over all members; 0 over none.", "sum(paid[r] for r in Recipient where class[r] == builders)", &["Vensim: SUM", "Stella: SUM"]),
    ("mean(x: [D]) -> D", Kernel::Members, None, Some(a::MEAN), "The mean over all members.", "mean(price[c] for c in Coin)", &["Stella: MEAN", "spreadsheets: AVERAGE, AVG"]),
    ("product(x: [1]) -> 1", Kernel::Members, None, Some(a::PRODUCT), "The product over all members; 1 over none.", "product(survival[a] for a in Age)", &["Vensim: PROD", "Stella: PROD"]),
    ("count(x: [any]) -> 1", Kernel::Members, None, Some(a::COUNT), "How many members there are, or for how many a condition holds.", "count(balance[h] > 0 for h in Holder)", &["Stella: SIZE"]),
    ("any(c: [bool]) -> bool", Kernel::Members, None, Some(a::ANY), "Whether a condition holds for some member; false over none.", "any(fund[p] < reserve for p in Pool)", &[]),
    ("all(c: [bool]) -> bool", Kernel::Members, None, Some(a::ALL), "Whether a condition holds for every member; true over none.", "all(paid[r] >= 0 for r in Recipient)", &[]),
    ("gini(x: [D]) -> 1", Kernel::Members, None, Some(a::GINI), "Gini's coefficient: 0 where all hold the same, towards 1 where one holds everything. Undefined where a value is negative or nobody holds anything.", "gini(balance[h] for h in Holder)", &[]),
    ("hhi(x: [D]) -> 1", Kernel::Members, None, Some(a::HHI), "The Herfindahl-Hirschman index: the sum of squared shares, 1/n where all hold the same, 1 where one holds everything.", "hhi(sales[s] for s in Seller)", &[]),
    ("nakamoto(x: [D]) -> 1", Kernel::Members, None, Some(a::NAKAMOTO), "The Nakamoto coefficient: how many members it takes to hold more than half together.", "nakamoto(stake[v] for v in Validator)", &[]),
    ("argmax(x: [D]) -> label", Kernel::Members, None, Some(a::ARGMAX), "The member whose value is greatest, the first of several.", "argmax(share[r] for r in Recipient)", &[]),
    ("argmin(x: [D]) -> label", Kernel::Members, None, Some(a::ARGMIN), "The member whose value is least, the first of several.", "argmin(price[s] for s in Seller)", &[]),
    ("rank(x: D, among: [D]) -> 1", Kernel::Members, None, Some(a::RANK), "The place of a value among those of all members: 1 is the largest, and equal ones share a place.", "rank(share[r], share)", &["Vensim: VECTOR RANK"]),
    ("member(m: label, of: label) -> bool", Kernel::Member, None, None, "Whether a member is in a subset.", "member(c, Insider)", &[]),
];

/// Which of them, luck says, and it says so where there is something to be drawn from.
const ANY_OF: Aggregate = Aggregate { nothing: Nothing::Is(f64::NAN), ..a::ARGMAX };

#[rustfmt::skip]
const ODDS: Row =
    ("categorical(odds: [D]) -> label", Kernel::Members, None, Some(ANY_OF), "A member, each as likely as its odds say.", "categorical(odds[o] for o in Outcome)", &[]);

fn row(&(text, kernel, reducer, aggregate, doc, example, foreign): &Row) -> Builtin {
    Builtin { signature: Signature::parse(text), kernel, reducer, aggregate, doc, example, foreign }
}

pub(super) fn rows() -> Vec<Builtin> {
    ROWS.iter().map(row).collect()
}

/// It stands in draws only, and is no function.
pub(super) fn odds() -> Builtin {
    row(&ODDS)
}
