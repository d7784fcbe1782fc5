//! What lives, in small models against numbers worked out by hand: births and deaths, routes, references, memory, comprehensions.

use flowc::exec::{Case, Outcome};
use flowc::{Checked, MemLoader, Settings};

fn checked(text: &str) -> Checked {
    let checked = flowc::check("m.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    checked
}

/// A run, and the names of its columns and metrics.
struct Ran {
    columns: Vec<String>,
    metrics: Vec<String>,
    out: Outcome,
}

fn ran(text: &str) -> Ran {
    let checked = checked(text);
    let ir = checked.lower().expect("sound");
    let case = Case { seed: 7, run: 1, ..Case::default() };
    let out = flowc::exec::oracle::run(&ir, &case);
    let fast = flowc::exec::Program::new(&ir).run(&case);
    // Numbers are written so that each is written as no other; what is no number is one thing here.
    let told = |out: &Outcome| format!("{out:#?}").replace("-NaN", "NaN");
    let (slow, fast) = (told(&out), told(&fast));
    let off = slow.lines().zip(fast.lines()).position(|(a, b)| a != b);
    if let Some(at) = off {
        let around = |text: &str| text.lines().skip(at.saturating_sub(12)).take(24).collect::<Vec<_>>().join("\n");
        panic!("the oracle:\n{}\nthe evaluator:\n{}", around(&slow), around(&fast));
    }
    assert_eq!(slow.len(), fast.len());
    let name = |decl: flowc::ir::DeclId| checked.model.decl(decl).name.clone();
    let columns = ir.columns.iter().map(|c| name(c.origin.decl)).collect();
    let metrics = ir.metrics.iter().map(|m| name(m.origin.decl)).collect();
    Ran { columns, metrics, out }
}

impl Ran {
    /// The rows of a column.
    fn column(&self, name: &str) -> &[f64] {
        let at = self.columns.iter().position(|c| c == name);
        &self.out.columns[at.unwrap_or_else(|| panic!("{name} among {:?}", self.columns))]
    }

    fn fine(self) -> Self {
        assert!(self.out.fault.is_none(), "{:?}", self.out.fault);
        for asset in &self.out.assets {
            assert!(asset.holds(100), "{asset:?}");
        }
        self
    }

    #[track_caller]
    fn has(&self, name: &str, rows: &[f64]) {
        assert_eq!(self.column(name), rows, "{name}");
    }

    #[track_caller]
    fn comes_to(&self, name: &str, value: f64) {
        let at = self.metrics.iter().position(|m| m == name);
        assert_eq!(self.out.metrics[at.unwrap_or_else(|| panic!("{name}"))], value, "{name}");
    }
}

/// Two members from the start, one more each step; what they hold goes back where it came from.
#[test]
fn members_are_born_act_and_retire() {
    let r = ran("time month from 0 to 4
        unit TKN
        stock fund: TKN = 100
        stock out: TKN = 0
        entity P {
          trait size = 10 TKN * (number + 1)
          stock held: TKN = size from fund
          state age = 0 next age + 1
          flow spend: held -> out = 1 TKN/month
          let share = held / sum(P.held)
        }
        spawn P: 2 initially
        spawn P: 0.5
        retire P when age >= 3 { held -> fund }
        let all = sum(P.held)
        let shares = sum(P.share)
        let largest = max(p.held for p in P else 0)
        let numbers = sum(p.number for p in P)
        metric end = final(P)
        conserve TKN = 100")
    .fine();
    // 10 and 20 are taken at the start. One is born at the end of every other step: number 2 (30) at 2, number 3 (40) at 4.
    r.has("P", &[2.0, 2.0, 3.0, 1.0, 2.0]);
    r.has("all", &[30.0, 28.0, 56.0, 29.0, 68.0]);
    r.has("out", &[0.0, 2.0, 4.0, 7.0, 8.0]);
    r.has("fund", &[70.0, 70.0, 40.0, 64.0, 24.0]);
    r.has("largest", &[20.0, 19.0, 30.0, 29.0, 40.0]);
    r.has("numbers", &[1.0, 1.0, 3.0, 2.0, 5.0]);
    for share in r.column("shares") {
        assert!((share - 1.0).abs() < 1e-15);
    }
    r.comes_to("end", 2.0);
}

/// What is told of members: those who are there in each row, what each has, when it came and went.
#[test]
fn a_roll_holds_who_was_there() {
    let text = "time month from 0 to 4
        record every 2 month
        unit TKN
        index Kind = a, b
        entity P {
          trait size = 10 TKN * (number + 1)
          stock held: TKN = size from cloud
          state w[k in Kind] = number next w[k] + 1
          flow spend: held -> cloud = 1 TKN/month
        }
        spawn P: 2 initially
        spawn P: 1
        retire P when number == 1 and time >= 2 month { held -> cloud }";
    let settings = Settings { members: true, only: vec![("P".into(), "held > 10 TKN".into())], ..Settings::default() };
    let checked = flowc::check("m.flow", text.as_bytes(), &MemLoader::default(), &settings);
    assert!(checked.is_sound(), "{:?}", checked.diagnostics);
    let ir = checked.lower().expect("sound");
    let out = flowc::exec::oracle::run(&ir, &Case::default());
    assert_eq!(out.steps, [0, 2, 4]);
    let roll = &out.rolls[0];
    // Number 0 holds no more than 10; number 1 goes at 2; 2 and 3 are there at 2, 4 and 5 at 4.
    assert_eq!(roll.rows, [0, 1, 1, 2, 2, 2, 2]);
    assert_eq!(roll.numbers, [1, 2, 3, 2, 3, 4, 5]);
    assert_eq!(roll.lives, [(0, None), (0, Some(2)), (1, None), (2, None), (3, None), (4, None)]);
    let names: Vec<&str> =
        ir.rolls[0].columns.iter().map(|c| checked.model.decl(c.origin.decl).name.as_str()).collect();
    assert_eq!(names, ["P.size", "P.held", "P.w", "P.w", "P.spend"]);
    assert_eq!(roll.values[..10], [20.0, 20.0, 1.0, 1.0, 1.0, 30.0, 29.0, 3.0, 3.0, 1.0]);
}

/// What a member remembers begins with its own first row.
#[test]
fn memory_is_the_members_own() {
    let r = ran("time month from 0 to 4
        unit TKN
        stock out: TKN = 0
        entity P {
          stock held: TKN = 100 from cloud
          flow pay: held -> out = (number + 1) * 1 TKN/month
          state x = 10 * (number + 1) next x + 1
          let before = previous(x, -1)
          let growth = x - initial(x)
          let paid = total(pay)
          let opened = opening(held)
        }
        spawn P: 1 initially
        spawn P: 1/month
        retire P when number == 1 and previous(x) == 21 { held -> cloud }
        let befores = sum(p.before for p in P)
        let before_of_last = max(if p.number == P - 1 then p.before else -100 for p in P else 0)
        let growths = sum(P.growth)
        let paid = sum(P.paid)
        let previous_of = sum(previous(p.x, 0) for p in P)
        let opened = sum(P.opened)
        let totals = sum(total(p.pay) for p in P)")
    .fine();
    // Number k is first seen in row k, with x = 10 (k + 1).
    r.has("P", &[1.0, 2.0, 3.0, 3.0, 4.0]);
    // Rows: 0: −1. 1: 10, −1. 2: 11, 20, −1. 3: (1 is gone: in row 2 it had 21) 12, 30, −1. 4: 13, 31, 40, −1.
    r.has("befores", &[-1.0, 9.0, 30.0, 41.0, 83.0]);
    r.has("previous_of", &[0.0, 10.0, 31.0, 42.0, 84.0]);
    r.has("growths", &[0.0, 1.0, 3.0, 4.0, 7.0]);
    r.has("paid", &[0.0, 1.0, 4.0, 6.0, 14.0]);
    r.has("totals", &[0.0, 1.0, 4.0, 6.0, 14.0]);
    r.has("opened", &[100.0, 199.0, 296.0, 294.0, 386.0]);
}

/// Comprehensions over two populations, over a population and an index, and over members of the same kind.
#[test]
fn comprehensions_nest() {
    let r = ran("time month from 0 to 1
        index C = a, b, c
        param w[k in C] = { a: 1, b: 2, c: 3 }
        entity A { trait x = number + 1 }
        entity B { trait y[k in C] = w[k] * (number + 1)
                   let top = argmax(y)
                   trait mine: A ~ pick(a for a in A where a.number == min(number, 1)) }
        spawn A: 2 initially
        spawn B: 3 initially
        let pairs = sum(a.x * q.y[k] for a in A for q in B for k in C where k != b)
        let mixed = sum(b.y[k] for k in C for b in B where b.number < 2)
        let own = sum(sum(b.y[c] for b in B where b.mine == a) * a.x for a in A)
        let some = count(b for b in B where b.y[a] > 1)
        let best = argmax(b.y[a] for b in B).number
        let ranks = sum(rank(a.x, A.x) * 10 ^ a.number for a in A)
        let greater = sum(count(q for q in A where q.x > a.x) for a in A)
        let none = sum(a.x for a in A where a.x > 100)
        let none_else = max(a.x for a in A where a.x > 100 else -7)
        let by[k in C] = sum(b.y[k] for b in B)
        let h = hhi(A.x)
        metric m = final(by[c])
        let tops = count(q for q in B where q.top == c)")
    .fine();
    // Σ x = 3, Σ (number + 1) = 6, w without b = 4.
    r.has("pairs", &[72.0, 72.0]);
    r.has("mixed", &[18.0, 18.0]);
    // B 0 is A 0's: 3 · 1; B 1 and 2 are A 1's: (6 + 9) · 2.
    r.has("own", &[33.0, 33.0]);
    r.has("some", &[2.0, 2.0]);
    r.has("best", &[2.0, 2.0]);
    r.has("ranks", &[12.0, 12.0]);
    r.has("greater", &[1.0, 1.0]);
    r.has("none", &[0.0, 0.0]);
    r.has("none_else", &[-7.0, -7.0]);
    r.has("h", &[5.0 / 9.0, 5.0 / 9.0]);
    r.comes_to("m", 18.0);
    r.has("tops", &[3.0, 3.0]);
}

/// Phases of members: a later phase sees what an earlier one did; what is worked out in a phase is a fact.
#[test]
fn members_move_in_phases() {
    let r = ran("time month from 0 to 2
        unit TKN
        phases earn, pay
        stock pot: TKN = 100
        index Status = fresh, paid, done
        entity P {
          stock held: TKN = 0
          state status: Status = fresh
          phase earn { transfer get: pot -> held = (number + 1) * 1 TKN
                       let seen = held }
          phase pay { transfer give: held -> pot = seen + 1 TKN capped
                      update status = match status { fresh => paid, else => done } }
        }
        spawn P: 2 initially
        let held = sum(P.held)
        let fresh = count(p for p in P where p.status == fresh)
        let given = sum(P.give)
        let seen = sum(P.seen)
        let done = sum(if p.status == done then 1 else 0 for p in P)
        conserve TKN = 100")
    .fine();
    // 0 gets 1 and gives it; 1 gets 2 and gives 0 + 1, then has 1, gets 2 and gives 1 + 1.
    r.has("held", &[0.0, 1.0, 1.0]);
    r.has("given", &[2.0, 3.0, 3.0]);
    r.has("seen", &[0.0, 1.0, 1.0]);
    r.has("fresh", &[2.0, 0.0, 0.0]);
    r.has("done", &[0.0, 0.0, 2.0]);
}

/// Arrays inside members; cohorts.
#[test]
fn members_have_arrays() {
    let r = ran("time month from 0 to 3
        unit person
        index Age = 0 .. 3
        stock dead: person = 0
        entity Town {
          stock w[a in Age]: person = (if a == 0 then 8 person else 0 person) * (number + 1) from cloud
          transfer age_on[a in Age where a < 3]: w[a] -> w[a + 1] = w[a] each step
          transfer die: w[3] -> dead = w[3] each step
          let all = sum(w)
        }
        spawn Town: 2 initially
        let old = sum(t.w[3] for t in Town)
        let by[a in Age] = sum(t.w[a] for t in Town)
        let all = sum(Town.all)
        metric third = final(by[3])
        conserve person except Town births")
    .fine();
    r.has("old", &[0.0, 0.0, 0.0, 24.0]);
    r.has("all", &[24.0, 24.0, 24.0, 24.0]);
    r.comes_to("third", 24.0);
}

/// Trades, splits and shared sources of members; the source of the model is shared pro rata.
#[test]
fn members_share_what_there_is() {
    let r = ran("time month from 0 to 1
        unit TKN, USD
        stock pot: TKN = 30
        stock till: USD = 0
        stock fee: TKN = 0
        entity P {
          stock cash: USD = 10 USD * (number + 1) from cloud
          stock held: TKN = 0
          flow take: pot -> { held: 90%; fee: rest } = 20 TKN/month * (number + 1) capped
          transfer buy { cash -> till = 15 USD
                         pot -> held = 1 TKN } or skip each step
        }
        spawn P: 2 initially
        let held = sum(P.held)
        let taken = sum(P.take)
        let bought = sum(P.buy)
        let first = sum(p.take for p in P where p.number == 0)
        conserve TKN = 30")
    .fine();
    // 60 are asked for, 30 are there: pro rata. The trade of number 0 lacks cash; that of 1 finds nothing left.
    r.has("taken", &[30.0, 0.0]);
    r.has("first", &[10.0, 0.0]);
    r.has("held", &[0.0, 27.0]);
    r.has("fee", &[0.0, 3.0]);
    r.has("bought", &[0.0, 0.0]);
}

/// Functions, asserts over members and inside them, bounds, `else` of references, and totals of a run.
#[test]
fn what_is_asked_of_members() {
    let r = ran("time month from 0 to 2
        unit TKN
        fn half(x) = x / 2
        fn worth(p: P) = p.held * 2
        stock pot: TKN = 10
        entity P {
          stock held: TKN = 4 from pot in 0 .. 100
          trait friend: P ~ pick(q for q in P where q.number == 0)
          flow give: held -> pot = half(held) / (1 month)
          assert held >= 0 TKN
        }
        entity Q { trait n = half(number) }
        spawn Q: 3 initially
        assert all(p.held < 50 TKN for p in P)
        spawn P: 0 initially
        let halves = sum(Q.n)
        let worths = sum(worth(p) for p in P)
        metric given = total(sum(P.give))
        metric most = max_over(P)")
    .fine();
    r.has("halves", &[1.5, 1.5, 1.5]);
    r.has("worths", &[0.0, 0.0, 0.0]);
    r.comes_to("most", 0.0);
}

/// Legs of members' trades are read from outside; an exception names a member's flow.
#[test]
fn what_members_do_has_names_outside() {
    let r = ran("time month from 0 to 1
        unit TKN, USD
        stock pot: TKN = 30
        stock till: USD = 0
        entity P {
          stock cash: USD = 10 USD from cloud
          stock held: TKN = 0
          transfer buy { cash -> till = 4 USD
                         pot -> held = (number + 1) * 1 TKN } each step
          flow melt: held -> cloud = 1 TKN/month capped
        }
        spawn P: 2 initially
        let paid = sum(P.buy.1)
        let got = sum(p.buy.2 * 10 ^ p.number for p in P)
        conserve TKN except P.melt
        conserve USD except P births")
    .fine();
    r.has("paid", &[8.0, 8.0]);
    r.has("got", &[21.0, 21.0]);
}
/// Each way to move between members, the model and a referred member; one that is gone has a place instead.
#[test]
fn moves_reach_members_that_are_referred_to() {
    let r = ran("time month from 0 to 4
        unit TKN
        stock pot: TKN = 100
        stock lost: TKN = 0
        entity Agg {
          stock wallet: TKN = 0
          state left = 2 next left - 1
        }
        entity Seller {
          trait boss: Agg ~ pick(a for a in Agg where a.number == number)
          stock cash: TKN = 5 from pot
          flow earn: pot -> cash = (number + 1) * 1 TKN/month
          flow fee: cash -> boss.wallet else lost = 1 TKN/month
          let of_boss = Agg.wallet[boss else -1 TKN]
        }
        spawn Agg: 2 initially
        spawn Seller: 2 initially
        retire Agg when left < number + 1 and number == 1 { wallet -> { pot: 50%; lost: rest } }
        let wallets = sum(Agg.wallet)
        let cash = sum(Seller.cash)
        let of_boss = sum(s.of_boss for s in Seller where s.number == 1)
        let first = sum(s.cash for s in Seller where Agg.left[s.boss else 0] >= -10 and s.number == 0)
        conserve TKN")
    .fine();
    r.has("Agg", &[2.0, 1.0, 1.0, 1.0, 1.0]);
    // Agg 1 goes at the end of step 0 with what it has just been paid.
    r.has("wallets", &[0.0, 1.0, 2.0, 3.0, 4.0]);
    r.has("lost", &[0.0, 0.5, 1.5, 2.5, 3.5]);
    r.has("pot", &[90.0, 87.5, 84.5, 81.5, 78.5]);
    r.has("cash", &[10.0, 11.0, 12.0, 13.0, 14.0]);
    r.has("of_boss", &[0.0, -1.0, -1.0, -1.0, -1.0]);
    r.has("first", &[5.0, 5.0, 5.0, 5.0, 5.0]);
}

/// Births that cannot be paid wait, whole, and come when they can be.
#[test]
fn births_wait_for_their_source() {
    let r = ran("time month from 0 to 5
        unit TKN
        stock fund: TKN = 25
        stock mint: TKN = 1000
        flow fill: mint -> fund = 5 TKN/month
        entity P { stock held: TKN = 10 TKN from fund }
        spawn P: 2 / (1 month)
        conserve TKN = 1025")
    .fine();
    // Wanted are 2 a month: in all 2, 4, 6 …; the fund has 30, then 10 + … with 5 a month.
    r.has("P", &[0.0, 2.0, 3.0, 4.0, 4.0, 5.0]);
    r.has("fund", &[25.0, 10.0, 5.0, 0.0, 5.0, 0.0]);
    let r = ran("time month from 0 to 3
        unit TKN
        stock fund: TKN = 25
        entity P { stock held: TKN = 10 TKN from fund
                   state age = 0 next age + 1 }
        spawn P: up to 4
        retire P when age == 1 { held -> fund }
        let numbers = sum(p.number for p in P)
        conserve TKN = 25")
    .fine();
    r.has("P", &[0.0, 2.0, 2.0, 2.0]);
    r.has("numbers", &[0.0, 1.0, 5.0, 9.0]);
}

/// What a member holds goes in amounts, too; the last has the rest.
#[test]
fn routes_may_be_amounts() {
    let r = ran("time month from 0 to 2
        unit TKN
        stock pot: TKN = 0
        stock lost: TKN = 0
        entity P {
          stock held: TKN = 30 TKN * number from cloud
          trait due = 7 TKN * number
        }
        spawn P: 3 initially
        retire P when time == 1 month { held -> { pot: due; lost: rest } }")
    .fine();
    r.has("pot", &[0.0, 21.0, 21.0]);
    r.has("lost", &[0.0, 69.0, 69.0]);
}

/// Where a comprehension goes through members, there is one: no `else` is asked for.
#[test]
fn among_members_there_is_somebody() {
    let r = ran("time month from 0 to 2
        unit TKN
        entity P { stock held: TKN = 1 TKN * (number + 1) from cloud }
        spawn P: 4 initially
        retire P when time == 2 month { held -> cloud }
        let top = sum(p.held for p in P where rank(p.held, P.held) <= 2)
        let above = count(p for p in P where p.held > mean(P.held))
        let spread = sum(max(P.held) - p.held for p in P)")
    .fine();
    r.has("top", &[7.0, 7.0, 0.0]);
    r.has("above", &[2.0, 2.0, 0.0]);
    r.has("spread", &[6.0, 6.0, 0.0]);
}

/// An end may be one of the stocks that a referred member has over an index.
#[test]
fn an_end_may_be_a_member_of_a_members_array() {
    let r = ran("time month from 0 to 2
        unit TKN
        index Kind = x, y
        stock pot: TKN = 100
        entity Bank { stock cash[k in Kind]: TKN = 0 }
        entity Loan {
          trait lender: Bank ~ pick(b for b in Bank where b.number == number)
          stock owed: TKN = 10 TKN from pot
          flow pay: owed -> lender.cash[y] = (number + 1) * 1 TKN/month
          flow fee: owed -> { lender.cash[x]: 25%; pot: rest } = 2 TKN/month
        }
        spawn Bank: 2 initially
        spawn Loan: 2 initially
        let xs = sum(b.cash[x] for b in Bank)
        let ys = sum(b.cash[y] * 10 ^ b.number for b in Bank)
        conserve TKN")
    .fine();
    r.has("xs", &[0.0, 1.0, 2.0]);
    r.has("ys", &[0.0, 21.0, 42.0]);
}
