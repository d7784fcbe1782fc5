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
    let out = flowc::exec::oracle::run(&ir, &Case { seed: 7, run: 1, ..Case::default() });
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
