//! What is said of members: the summary, files of members, failures that name one.

use flowc::exec::{Case, Outcome};
use flowc::output::{Form, Results};
use flowc::{Checked, MemLoader, Settings};

const MARKET: &str = "//! A market of few.
unit TKN, voucher
time month from 0 to 6 starting @2024-01-01
record every 2 month
index Kind = plain, rare
stock treasury: TKN = 100
entity Seller {
  trait reach = number + 1
  /// What it has earned.
  stock wallet: TKN = 10 from treasury
  flow earn: treasury -> wallet = 1 TKN/month
}
entity Product {
  trait kind: Kind = if number == 1 then rare else plain
  trait seller: Seller ~ pick(s for s in Seller, weight: s.reach)
  stock supply[k in Kind]: voucher = 20 from cloud
  state popularity: 1 = 1 next popularity * 70%
  let worth = popularity * seller.wallet
  flow sell[k in Kind]: supply[k] -> cloud = (number + 1) * 1 voucher/month
}
spawn Seller: 2 initially
spawn Product: 2 initially
spawn Product: 0.5
retire Product when popularity < 30% { supply -> cloud }
metric alive = final(Product)
";

fn checked(text: &str, only: &[(&str, &str)]) -> Checked {
    let only = only.iter().map(|(e, c)| (e.to_string(), c.to_string())).collect();
    let settings = Settings { members: true, only, ..Settings::default() };
    flowc::check("market.flow", text.as_bytes(), &MemLoader::default(), &settings)
}

fn ran(text: &str, only: &[(&str, &str)]) -> (Checked, Results) {
    let checked = checked(text, only);
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}", said.join("\n"));
    let ir = checked.lower().expect("sound");
    let out: Outcome = flowc::exec::Program::new(&ir).run(&Case::default());
    let oracle = flowc::exec::oracle::run(&ir, &Case::default());
    assert_eq!(out.rolls.len(), oracle.rolls.len());
    for (a, b) in out.rolls.iter().zip(&oracle.rolls) {
        let bits = |roll: &flowc::exec::Roll| roll.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!((&a.rows, &a.numbers, &a.lives, bits(a)), (&b.rows, &b.numbers, &b.lives, bits(b)));
    }
    let results = checked.results(&ir, &out);
    (checked, results)
}

fn file(results: &Results, form: Form) -> String {
    let mut out = Vec::new();
    flowc::output::write_members(results, form, &mut out).expect("to memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_summary_tells_of_populations() {
    insta::assert_snapshot!(flowc::output::summary(&ran(MARKET, &[]).1));
}

#[test]
fn a_file_of_members_has_a_row_for_each() {
    insta::assert_snapshot!("members_csv", file(&ran(MARKET, &[]).1, Form::Csv));
    insta::assert_snapshot!("members_json", file(&ran(MARKET, &[("Seller", "number == 1")]).1, Form::Json));
}

#[test]
fn a_condition_chooses_among_them() {
    let only = [("Product", "popularity < 75%"), ("Product", "kind == plain"), ("Seller", "wallet > 15 TKN")];
    insta::assert_snapshot!("members_only", file(&ran(MARKET, &only).1, Form::Csv));
}

#[test]
fn a_condition_is_checked_as_the_model_is() {
    let mut all = String::new();
    let wrong = [
        ("Product", "popularity < 3 TKN"),
        ("Produkt", "popularity < 10%"),
        ("Product", "price > 3"),
        ("Product", "popularity"),
        ("Product", "popularity <"),
        ("Kind", "true"),
    ];
    for only in wrong {
        let checked = checked(MARKET, &[only]);
        assert!(checked.call_is_wrong(), "{only:?}");
        for d in checked.diagnostics.iter().filter(|d| d.is_error()) {
            all += &flowc::cli::plain(d, &checked.sources);
            all.push('\n');
        }
    }
    insta::assert_snapshot!("members_where_errors", all);
}

#[test]
fn a_failure_names_the_member() {
    let overdrawn = MARKET.replace("= 20 from cloud", "= 9 from cloud").replace("popularity < 30%", "popularity < 1%");
    let bad = MARKET.replace("next popularity * 70%", "next popularity / (2 - number)");
    let mut all = String::new();
    for text in [overdrawn, bad] {
        let (checked, results) = ran(&text, &[]);
        let failure = results.failure.expect("it fails");
        all += &flowc::cli::plain(&failure, &checked.sources);
        all.push('\n');
    }
    insta::assert_snapshot!("members_failures", all);
}
