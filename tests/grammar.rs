//! The grammar file, the parser and the formatter against each other.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

#[path = "support/ebnf.rs"]
mod ebnf;
#[path = "support/layout.rs"]
mod layout;

use ebnf::{Generator, Grammar, Random, Recogniser, Start, Word, render};
use flowc::syntax::fmt::format;
use flowc::syntax::parse::parse;
use layout::{check_layout, shape};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn grammar() -> Grammar {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/grammar/flow.ebnf");
    Grammar::read(&std::fs::read_to_string(path).expect("the grammar can be read"))
}

const DECLARATIONS: usize = 14_000;

/// Sentences of single declarations, then of models, with their words.
fn sentences(grammar: &Grammar, generator: &mut Generator, count: usize) -> Vec<(Vec<Word>, String)> {
    let mut all = Vec::new();
    let mut put_aside = 0;
    for i in 0..count + count / 10 {
        let words = if i < count { generator.sentence("decl", 10 + i % 30) } else { generator.sentence("model", 80) };
        let text = render(&words, &mut generator.random);
        // Words that by chance make a longer quantity than the one that was meant.
        match Recogniser::accepts(grammar, "model", &text) {
            true => all.push((words, text)),
            false => put_aside += 1,
        }
    }
    assert!(put_aside * 200 < count, "{put_aside} sentences are ambiguous");
    all
}

#[test]
fn the_parser_reads_every_sentence_of_the_grammar() {
    let grammar = grammar();
    let mut generator = Generator::new(&grammar, 3);
    let mut failures = Vec::new();
    for (_, text) in sentences(&grammar, &mut generator, DECLARATIONS) {
        let parsed = parse(&text, 0);
        if let Some(d) = parsed.diagnostics.first() {
            failures.push(format!("{text}\n--- {} at {:?}: {}", d.message, d.primary.span, d.primary.text));
        }
    }
    failures.sort_by_key(String::len);
    assert!(failures.is_empty(), "{} sentences, the shortest:\n{}", failures.len(), first(&failures));
    let unused: Vec<String> = grammar.rules().difference(&generator.used_rules).cloned().collect();
    assert!(unused.is_empty(), "never used: {unused:?}");
    let branches = grammar.branches.iter().enumerate();
    let unused: Vec<&String> =
        branches.filter(|(i, _)| !generator.used_branches.contains(i)).map(|(_, name)| name).collect();
    assert!(unused.is_empty(), "never taken: {unused:#?}");
}

#[test]
fn layout_keeps_every_sentence() {
    let grammar = grammar();
    let mut generator = Generator::new(&grammar, 3);
    for (_, text) in sentences(&grammar, &mut generator, DECLARATIONS) {
        check_layout(&text);
        assert_eq!(shape(&text), shape(&format(&text)), "{text}");
    }
}

/// A sentence with one thing wrong, most likely.
fn mutate(words: &[Word], others: &[Word], random: &mut Random) -> Vec<Word> {
    let mut words = words.to_vec();
    if words.is_empty() {
        return vec![random.pick(others).clone()];
    }
    let at = random.below(words.len());
    match random.below(5) {
        0 => drop(words.remove(at)),
        1 => words.insert(at, words[at].clone()),
        2 => {
            let other = random.below(words.len());
            words.swap(at, other);
        }
        3 => words[at] = random.pick(others).clone(),
        _ => words.truncate(at),
    }
    if random.chance(10) && !words.is_empty() {
        let at = random.below(words.len());
        words[at].start = *random.pick(&[Start::Line, Start::Same]);
    }
    words
}

#[test]
fn what_is_no_sentence_is_refused_without_a_panic() {
    let grammar = grammar();
    let mut generator = Generator::new(&grammar, 5);
    let mut random = Random(6);
    let sentences = sentences(&grammar, &mut generator, DECLARATIONS);
    let others: Vec<Word> = sentences.iter().step_by(7).flat_map(|(words, _)| words).cloned().collect();
    let (mut refused, mut lenient, mut strict) = (0, Vec::new(), Vec::new());
    for (words, _) in &sentences {
        let mut text = render(&mutate(words, &others, &mut random), &mut random);
        if random.chance(5) {
            let cut = random.below(text.len() + 1);
            text.truncate((0..=cut).rev().find(|c| text.is_char_boundary(*c)).unwrap_or(0));
        }
        let parsed = parse(&text, 0);
        refused += usize::from(!parsed.diagnostics.is_empty());
        check_layout(&text);
        assert_eq!(shape(&text), shape(&format(&text)), "{text}");
        match (parsed.diagnostics.first(), Recogniser::accepts(&grammar, "model", &text)) {
            (None, false) => lenient.push(text),
            (Some(d), true) => {
                strict.push(format!("{text}\n--- {} at {:?}: {}", d.message, d.primary.span, d.primary.text))
            }
            _ => {}
        }
    }
    assert!(refused * 10 > sentences.len() * 3, "{refused} of {} refused", sentences.len());
    lenient.sort_by_key(String::len);
    strict.sort_by_key(String::len);
    assert!(lenient.is_empty(), "{} read that are none, the shortest:\n{}", lenient.len(), first(&lenient));
    // The grammar is ambiguous where a name is also a clause word; the parser then takes the clause.
    assert!(strict.len() * 1000 < sentences.len(), "{} are sentences, the shortest:\n{}", strict.len(), first(&strict));
}

fn first(texts: &[String]) -> String {
    texts[..texts.len().min(12)].join("\n\n")
}

/// Texts of pieces that are easily merged or misread.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "time",
        "step",
        "rate",
        "phase",
        "entity",
        "let",
        "goal",
        "if",
        "else",
        "5",
        "5e",
        "1.",
        "12.5k",
        "5%",
        "%",
        ".",
        "..",
        "=",
        ">",
        "<",
        "-",
        "+",
        "*",
        "/",
        "^",
        ":",
        ";",
        ",",
        "|",
        "~",
        "!",
        "&",
        "->",
        "<->",
        "=>",
        "<-",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "{",
        "}",
        "{",
        "\"",
        "\"s\"",
        "`",
        "`n`",
        "@",
        "@2021-08",
        "//",
        "// c ",
        "\n",
        "\n",
        "\n",
        "\n\n\n",
        " ",
        " ",
        " ",
        "\t",
        "\r\n",
        "\r",
        "\u{feff}",
        "é",
        "\u{301}",
        "€",
        "\u{b}",
        "\u{a0}",
        "\u{2028}",
        "\u{1f600}",
        "_",
        "e5",
        "in",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_model_is_laid_out() {
    let written = "\u{feff}\r\n\r\n//! A programme.  \r
unit   BOSON\r
time month from 0 to 60 step 1/4



index Recipient{
|share|class:Class
developers|40%|builders   // theirs
 // the rest
  `many   others`   |( 35% )|community
}
stock fund :BOSON=60M in 0..100M
policy release:BOSON/month{
linear=initial( fund )/programme
exponential    = fund*ln (2) / (12 month)
 + 3 BOSON/month
}
flow reward [r in Recipient]:fund->paid [r]=share[r]*release capped
let x=-1+ -y^ - 2-rate-1
state level:USD=0 rate(target-level)/(3 month)
assumption linear about release
// why
\"Evenly.\" source \"x\"
transfer swap{
a->b=in_a;c->d=out( in_a )
}or skip each step
let z=swap.1+pay[p].2 -f(-swap.2)
entity Product at most 5000{trait z~normal(0,1)
stock supply:voucher=50
from cloud
phase grow{update popularity=max(
1%,
popularity)
}
// last
}
let y=match status{redeemed=>1,
refunded or cancelled=>
0,
else=>2}
a . . b - > 5 . x";
    let laid_out = "//! A programme.
unit BOSON
time month from 0 to 60 step 1/4

index Recipient {
                  | share | class: Class
  developers      | 40%   | builders  // theirs
  // the rest
  `many   others` | (35%) | community
}
stock fund: BOSON = 60M in 0 .. 100M
policy release: BOSON/month {
  linear = initial(fund)/programme
  exponential = fund*ln(2) / (12 month)
    + 3 BOSON/month
}
flow reward[r in Recipient]: fund -> paid[r] = share[r]*release capped
let x = -1 + -y^-2 - rate - 1
state level: USD = 0 rate (target - level)/(3 month)
assumption linear about release
  // why
  \"Evenly.\" source \"x\"
transfer swap {
  a -> b = in_a; c -> d = out(in_a)
} or skip each step
let z = swap.1 + pay[p].2 - f(-swap.2)
entity Product at most 5000 { trait z ~ normal(0, 1)
  stock supply: voucher = 50
    from cloud
  phase grow { update popularity = max(
    1%,
    popularity)
  }
  // last
}
let y = match status { redeemed => 1,
  refunded or cancelled =>
    0,
  else => 2 }
  a. .b - > 5 .x
";
    check_layout(written);
    assert_eq!(format(written), laid_out);
}

#[test]
fn a_mark_in_a_doc_is_white_space() {
    for text in ["//!\u{feff}\n", "/// a \u{feff} \nunit TKN\n"] {
        check_layout(text);
        assert_eq!(shape(text), shape(&format(text)));
    }
}

#[test]
fn layout_does_not_outgrow_its_text() {
    for line in ["(\n", "{\n", "phase a {\n", "]", "- ", "entity ", ". .", "| "] {
        let text = "([".repeat(20_000) + &line.repeat(20_000);
        assert!(format(&text).len() < 400 * text.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() })]

    #[test]
    fn layout_keeps_any_text(text in any::<String>()) {
        check_layout(&text);
    }

    #[test]
    fn layout_keeps_pieces_in_any_order(text in soup()) {
        check_layout(&text);
        prop_assert_eq!(shape(&text), shape(&format(&text)));
    }
}
