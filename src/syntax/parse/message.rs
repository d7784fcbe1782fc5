//! What is said of text that cannot be read.

use chumsky::error::{Rich, RichPattern, RichReason};

use super::number;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::Name;
use crate::syntax::token::{CLAUSES, DECLARATIONS, RESERVED, Tok, Token, is_reserved};

/// How each declaration is written: shown when one cannot be read.
const FORMS: &[(&str, &str)] = &[
    ("use", "use \"tokens.flow\""),
    ("unit", "unit TKN` or `unit kTKN = 1000 TKN"),
    ("time", "time month from 0 to 60 [step 1] [using rk4] [starting @2026-01-01]"),
    ("record", "record every 1 month"),
    ("index", "index Class = builders, community"),
    ("param", "param fee = 0.5% [~ uniform(0%, 1%)] [in 0% .. 5%]"),
    ("let", "let worth = price * fund"),
    ("state", "state price: USD/TKN = 0.75 next price * 1.01"),
    ("fn", "fn share(part, whole) = part / whole"),
    ("curve", "curve uptake(x): 1 = (0, 0), (1, 1)"),
    ("series", "series rate: USD/ETH from \"eth.csv\" column close linear"),
    ("draw", "draw shock ~ normal(0, 5%) each step"),
    ("stock", "stock fund: TKN = 60M [signed] [in 0 .. 100M]"),
    ("conveyor", "conveyor redeemed: voucher = 0 for 30 day { out complete -> ended }"),
    ("flow", "flow grants: fund -> team = 20k TKN/month"),
    ("transfer", "transfer unlock: vault -> team = 10M TKN at 12 month"),
    ("phases", "phases commit, settle"),
    ("phase", "phase settle { … }"),
    ("policy", "policy fee { flat = 0.5%; none = 0 }"),
    ("entity", "entity Product { … }"),
    ("trait", "trait quality ~ uniform(0, 1)"),
    ("spawn", "spawn Product: 2 initially"),
    ("retire", "retire Product when age > 12 month { supply -> cloud }"),
    ("conserve", "conserve TKN [= 60M] [except issue]"),
    ("metric", "metric left = final(fund)"),
    ("assert", "assert fund >= 1M TKN"),
    ("goal", "goal runway: left >= 1M TKN [in 95% of runs]"),
    ("assumption", "assumption linear about release \"Paid out evenly.\""),
    ("expect", "expect paid within 1e-6 of \"ref.csv\""),
    ("scenario", "scenario bear { drift = -2%/month }"),
    ("experiment", "experiment fees { sweep fee in 0% .. 2% by 0.5% }"),
    ("update", "update price = price * 1.01"),
];

/// The name that a token may declare.
pub(super) fn as_name(token: &Token) -> Option<Name> {
    match token.tok {
        Tok::Word(text) if !is_reserved(text) => Some(Name { text: text.into(), span: token.span }),
        Tok::Quoted(text) => Some(Name { text: text.into(), span: token.span }),
        // A name that was never closed ends where it would have.
        Tok::OpenQuoted(text) => {
            let name =
                text[1..].split([':', '=']).next().unwrap_or_default().trim_matches([' ', '\t', '\r', '\u{feff}']);
            Some(Name { text: name.into(), span: token.span })
        }
        _ => None,
    }
}

/// The names that an unreadable declaration may have declared.
pub(super) fn declared_names(tokens: &[Token]) -> Vec<Name> {
    let all = match tokens.first().map(|t| t.tok) {
        Some(Tok::Word("index" | "unit" | "phases" | "entity" | "policy" | "phase")) => usize::MAX,
        _ => 2,
    };
    let keyword = matches!(tokens.first().map(|t| t.tok), Some(Tok::Word(w)) if DECLARATIONS.contains(&w));
    // Without its keyword the first word may be a misspelt one, and the second the name.
    let skip = usize::from(keyword);
    tokens.iter().take(all).skip(skip).filter_map(as_name).collect()
}

pub(super) fn too_deep(at: Span) -> Diagnostic {
    Diagnostic::new(Code::E0006, "this is nested too deeply to be read", at, "here it passes 150 levels")
        .help("give parts of it names: `let part = …`")
}

/// What is wrong with a token that can stand nowhere.
pub(super) fn bad_token(token: Token) -> Option<Diagnostic> {
    let at = token.span;
    Some(match token.tok {
        Tok::Number(n) => {
            let bad = number::value(n, at).err()?;
            let error = Diagnostic::new(Code::E0003, format!("`{}` is not a number", n.text), at, bad.fact);
            match bad.fix {
                Some(fix) => error.help(format!("write `{fix}`")).fix(at, fix),
                None => error,
            }
        }
        Tok::LeadingPoint(text) => {
            let fix = format!("0{text}");
            Diagnostic::new(
                Code::E0003,
                format!("`{text}` is not a number"),
                at,
                "a number wants a digit before its point",
            )
            .help(format!("write `{fix}`"))
            .fix(at, fix)
        }
        Tok::OpenStr(_) => {
            Diagnostic::new(Code::E0004, "this text is never closed", at, "no `\"` follows on this line")
                .help("close it with `\"` on the same line")
        }
        Tok::OpenQuoted(_) => {
            Diagnostic::new(Code::E0004, "this name is never closed", at, "no backtick follows on this line")
                .help("close it with a backtick on the same line")
        }
        Tok::Quoted("") => Diagnostic::new(Code::E0004, "this name is empty", at, "a name has at least one character"),
        Tok::Foreign(text) => {
            let (fact, fix) = foreign(text);
            let error = Diagnostic::new(Code::E0002, format!("`{text}` means nothing here"), at, fact);
            match fix {
                Some(fix) => error.help(format!("write `{fix}`")).fix(at, fix),
                None => error,
            }
        }
        Tok::Bad(text) => {
            let shown: String = text.chars().take(20).flat_map(char::escape_debug).collect();
            Diagnostic::new(Code::E0002, format!("`{shown}` is no part of the language"), at, "")
                .help("a name with such characters goes between backticks: `` `my name` ``")
        }
        _ => return None,
    })
}

/// What is said of a sign that other languages have, and what to write instead.
fn foreign(text: &str) -> (&'static str, Option<&'static str>) {
    match text {
        "&&" | "&" => ("both conditions", Some("and")),
        "||" => ("either condition", Some("or")),
        "!" => ("the opposite of a condition", Some("not")),
        "**" => ("a power", Some("^")),
        "<>" | "≠" => ("not equal", Some("!=")),
        "≤" => ("at most", Some("<=")),
        "≥" => ("at least", Some(">=")),
        "×" | "·" => ("multiplied by", Some("*")),
        "÷" => ("divided by", Some("/")),
        "−" | "–" | "—" => ("a minus sign that a word processor made", Some("-")),
        "→" => ("an arrow", Some("->")),
        "<-" => ("flows point to the right: source `->` target", Some("->")),
        ":=" => ("a value is given with `=`", Some("=")),
        ";;" => ("one is enough", Some(";")),
        "“" | "”" | "„" | "«" | "»" => ("a quotation mark that a word processor made", Some("\"")),
        "%" => ("a percent sign is stuck to its number: `5%`; for the remainder of a division write `mod(a, b)`", None),
        "#" => ("a comment begins with `//`", Some("//")),
        "$" | "€" | "£" => ("money is a unit behind its number: `5 USD`", None),
        "?" => ("a choice is written `if … then … else …`", None),
        "‘" | "’" | "'" => ("a text stands between `\"`, a name with blanks between backticks", None),
        _ => ("it is no sign of the language", None),
    }
}

/// A bracket that opens and never closes, or closes what never opened.
pub(super) fn bracket(open: Option<Token>, close: Option<Token>) -> Diagnostic {
    let sign = |t: Token| match t.tok {
        Tok::Open => ("(", ")"),
        Tok::OpenSquare => ("[", "]"),
        Tok::OpenBrace => ("{", "}"),
        Tok::Close => (")", "("),
        Tok::CloseSquare => ("]", "["),
        _ => ("}", "{"),
    };
    match (open, close) {
        (Some(open), None) => {
            let (text, partner) = sign(open);
            Diagnostic::new(Code::E0005, format!("this `{text}` is never closed"), open.span, "it opens here")
                .help(format!("add `{partner}` where it ends"))
        }
        (Some(open), Some(close)) => {
            let ((text, partner), (found, _)) = (sign(open), sign(close));
            Diagnostic::new(
                Code::E0005,
                format!("`{found}` cannot close `{text}`"),
                close.span,
                format!("expected `{partner}`"),
            )
            .label(open.span, "this is still open")
            .help(format!("write `{partner}`"))
            .fix(close.span, partner)
        }
        (None, close) => {
            let (span, text, partner) = close.map_or((Span::default(), ")", "("), |t| (t.span, sign(t).0, sign(t).1));
            Diagnostic::new(
                Code::E0005,
                format!("this `{text}` closes nothing"),
                span,
                format!("no `{partner}` is open here"),
            )
            .help(format!("remove it, or add the `{partner}` that it belongs to"))
            .fix(span, "")
        }
    }
}

/// Text where a declaration should begin.
pub(super) fn no_keyword(tokens: &[Token]) -> Diagnostic {
    let token = tokens[0];
    let shown = show(token);
    let Tok::Word(word) = token.tok else {
        return Diagnostic::new(
            Code::E0007,
            format!("{shown} cannot begin a declaration"),
            token.span,
            "expected a keyword such as `stock`, `flow` or `let`",
        );
    };
    let error = Diagnostic::new(
        Code::E0007,
        format!("{shown} is no keyword"),
        token.span,
        "a declaration begins with its keyword",
    );
    if let ("phase" | "entity", Some(Tok::Word(_))) = (word, tokens.get(1).map(|t| t.tok)) {
        return Diagnostic::new(
            Code::E0001,
            format!("this {shown} has no braces"),
            token.span,
            "it holds declarations",
        )
        .help(format!("it is written `{word} NAME {{ … }}`"));
    }
    let next = tokens.get(1).map(|t| t.tok);
    if matches!(next, Some(Tok::Equals | Tok::Colon)) {
        return error
            .help(format!("write `let {word} = …`, or `stock`, `param`, `state` if it is one"))
            .fix(token.span, format!("let {word}"));
    }
    // Words of other tools for the same thing.
    let known = match word {
        "var" | "def" | "aux" | "auxiliary" | "variable" | "const" => Some("let"),
        "function" | "func" => Some("fn"),
        "parameter" | "constant" => Some("param"),
        "level" | "account" => Some("stock"),
        "import" | "include" => Some("use"),
        "units" | "token" | "currency" => Some("unit"),
        _ => did_you_mean(word, DECLARATIONS.iter().copied()),
    };
    match known {
        Some(known) => error.help(format!("did you mean `{known}`?")).fix(token.span, known),
        None => error.help("the keywords are listed by `flowc explain E0007`"),
    }
}

fn show(token: Token) -> String {
    match token.tok {
        Tok::Word(text) => format!("`{text}`"),
        Tok::Quoted(text) => format!("`` `{text}` ``"),
        Tok::Number(n) => format!("`{}`", n.text),
        Tok::Str(text) if text.chars().count() < 20 => format!("`\"{text}\"`"),
        Tok::Str(_) => "a text".into(),
        Tok::Date(text) => format!("`@{text}`"),
        Tok::Open => "`(`".into(),
        Tok::Close => "`)`".into(),
        Tok::OpenSquare => "`[`".into(),
        Tok::CloseSquare => "`]`".into(),
        Tok::OpenBrace => "`{`".into(),
        Tok::CloseBrace => "`}`".into(),
        Tok::Comma => "`,`".into(),
        Tok::Semicolon => "`;`".into(),
        Tok::Colon => "`:`".into(),
        Tok::Bar => "`|`".into(),
        Tok::Dot => "`.`".into(),
        Tok::Range => "`..`".into(),
        Tok::Equals => "`=`".into(),
        Tok::FatArrow => "`=>`".into(),
        Tok::Arrow => "`->`".into(),
        Tok::TwoWay => "`<->`".into(),
        Tok::Tilde => "`~`".into(),
        Tok::Plus => "`+`".into(),
        Tok::Minus => "`-`".into(),
        Tok::Star => "`*`".into(),
        Tok::Slash => "`/`".into(),
        Tok::Caret => "`^`".into(),
        Tok::Less => "`<`".into(),
        Tok::LessEq => "`<=`".into(),
        Tok::Greater => "`>`".into(),
        Tok::GreaterEq => "`>=`".into(),
        Tok::EqEq => "`==`".into(),
        Tok::NotEq => "`!=`".into(),
        Tok::Comment(_) => "a comment".into(),
        Tok::Leg(t) | Tok::LeadingPoint(t) | Tok::OpenStr(t) | Tok::OpenQuoted(t) | Tok::Foreign(t) | Tok::Bad(t) => {
            format!("`{t}`")
        }
    }
}

/// What chumsky expected, in words: signs and keywords in backticks, the rest as labelled.
fn expectations(error: &Rich<'_, Token<'_>>) -> Vec<String> {
    const OPERATORS: &[&str] = &[
        "+",
        "-",
        "*",
        "/",
        "^",
        "[",
        ".",
        "(",
        "and",
        "or",
        "a comparison",
        "an operator",
        "the end of the declaration",
        ";",
    ];
    let RichReason::ExpectedFound { expected, .. } = error.reason() else { return Vec::new() };
    let mut words: Vec<String> = Vec::new();
    for pattern in expected {
        let RichPattern::Label(label) = pattern else { continue };
        let word = match label.as_ref() {
            l if OPERATORS.contains(&l) && expected.len() > 2 => continue,
            l if l.contains(' ') => l.to_string(),
            l => format!("`{l}`"),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.sort_by_key(|w| (w.starts_with('`'), w.clone()));
    if words.iter().any(|w| w == "a value") {
        // `not`, `if` and a minus begin values too.
        words.retain(|w| !["`-`", "`not`", "`if`", "`else`"].contains(&w.as_str()));
    }
    words
}

/// Whether a value may go on here.
fn expects_operator(error: &Rich<'_, Token<'_>>) -> bool {
    let RichReason::ExpectedFound { expected, .. } = error.reason() else { return false };
    expected.iter().any(|p| matches!(p, RichPattern::Label(label) if label.as_ref() == "an operator"))
}

/// The words among what chumsky expected.
fn words(error: &Rich<'_, Token<'_>>) -> Vec<String> {
    let RichReason::ExpectedFound { expected, .. } = error.reason() else { return Vec::new() };
    let labels = expected.iter().filter_map(|p| match p {
        RichPattern::Label(label) => Some(label.to_string()),
        _ => None,
    });
    labels.filter(|l| l.len() > 2 && l.chars().all(char::is_alphabetic)).collect()
}

/// A token that does not fit.
pub(super) fn unexpected(error: &Rich<'_, Token<'_>>, tokens: &[Token], keyword: Option<&Token>) -> Diagnostic {
    let at = error.span().start;
    let found = tokens.get(at).copied();
    let expected = expectations(error);
    let list = match expected.as_slice() {
        [] => String::new(),
        [one] => format!("expected {one}"),
        [first, second] => format!("expected {first} or {second}"),
        many if many.len() <= 4 => {
            format!("expected {} or {}", many[..many.len() - 1].join(", "), many[many.len() - 1])
        }
        _ => String::new(),
    };
    let keyword = keyword.and_then(|t| match t.tok {
        Tok::Word(w) => Some(w),
        _ => None,
    });
    let inside = keyword.map(|k| format!(" in this `{k}`")).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let mut diagnostic = match found {
        // What stands on the next line is rarely what is wrong: something is missing at the end of this one.
        Some(token) if !(token.bol && before.is_some() && !expected.is_empty()) => {
            Diagnostic::new(Code::E0001, format!("unexpected {}{inside}", show(token)), token.span, list)
        }
        _ => {
            let span = before.map_or(Span::default(), |t| t.span.after());
            let last = before.map(|t| show(*t)).unwrap_or_default();
            Diagnostic::new(Code::E0001, format!("something is missing behind {last}{inside}"), span, list)
        }
    };
    if let Some((span, edit)) = window_inside(tokens, at).filter(|_| expects_operator(error)) {
        diagnostic.primary.text = "the window begins inside the call".into();
        return diagnostic.help(format!("a window stands behind the call: `{edit}`")).fix(span, edit);
    }
    if let (Some(token), Some(help)) =
        (found, found.and_then(|t| hint(t, tokens, at, keyword, &words(error), expects_operator(error))))
    {
        diagnostic = diagnostic.help(help.0);
        if let Some(replacement) = help.1 {
            diagnostic = diagnostic.fix(token.span, replacement);
        }
    } else if let Some((_, form)) = keyword.and_then(|k| FORMS.iter().find(|(word, _)| *word == k)) {
        diagnostic = diagnostic.help(format!("it is written `{form}`"));
    }
    diagnostic
}

/// `mean_over(x from 12 to 24)`: what is written in place of it, and where.
fn window_inside(tokens: &[Token], at: usize) -> Option<(Span, String)> {
    tokens.get(at).filter(|t| matches!(t.tok, Tok::Word("from" | "to")))?;
    let mut depth = 0;
    let opens = |t: &Token| match t.tok {
        Tok::Close => {
            depth += 1;
            false
        }
        Tok::Open if depth > 0 => {
            depth -= 1;
            false
        }
        tok => tok == Tok::Open,
    };
    let open = tokens[..at].iter().rposition(opens)?;
    let close = at + tokens[at..].iter().position(|t| t.tok == Tok::Close)?;
    let Tok::Word(function) = tokens.get(open.checked_sub(1)?)?.tok else { return None };
    let text = |some: &[Token]| {
        let mut out = String::new();
        for (i, t) in some.iter().enumerate() {
            let tight = |tok: Tok| matches!(tok, Tok::Open | Tok::OpenSquare | Tok::Dot);
            let closes = matches!(t.tok, Tok::Close | Tok::CloseSquare | Tok::Comma) || tight(t.tok);
            if i > 0 && !closes && !tight(some[i - 1].tok) {
                out.push(' ');
            }
            out += &match t.tok {
                Tok::Quoted(name) => format!("`{name}`"),
                _ => show(*t).replace('`', ""),
            };
        }
        out
    };
    let edit = format!("{function}({}) {}", text(&tokens[open + 1..at]), text(&tokens[at..close]));
    Some((tokens[open - 1].span.to(tokens[close].span), edit))
}

/// Advice for what stands in the braces of a trade, a split, a policy or a scenario.
fn in_braces(found: Token, tokens: &[Token], at: usize, keyword: &str) -> Option<(String, Option<String>)> {
    let mut closed = 0;
    let open = tokens[..at.min(tokens.len())].iter().rposition(|t| match t.tok {
        Tok::CloseBrace => {
            closed += 1;
            false
        }
        Tok::OpenBrace if closed > 0 => {
            closed -= 1;
            false
        }
        tok => tok == Tok::OpenBrace,
    });
    let open = open?;
    let split = open > 0 && matches!(tokens[open - 1].tok, Tok::Arrow | Tok::TwoWay);
    let before = tokens[at - 1];
    let clause = |word| ["capped", "skip", "at", "every", "when", "once", "each"].contains(&word);
    Some(match (keyword, found.tok) {
        ("flow" | "transfer", Tok::Word(word)) if clause(word) && split => {
            ("what moves is capped and timed before it is split: say it at the end, `} = … capped`".into(), None)
        }
        ("transfer", Tok::Word("capped" | "skip")) => {
            let help = "a trade is capped or skipped as a whole, so that nobody pays for what does not come: write `} capped` or `} or skip` behind the last leg";
            (help.into(), None)
        }
        ("transfer", Tok::Word(word)) if clause(word) => {
            (format!("all legs of a trade move at one time: say it behind the last, `}} {word} …`"), None)
        }
        ("transfer", Tok::Colon) if !split => {
            let name = tokens.get(1).map_or(String::new(), |t| show(*t).replace('`', ""));
            (format!("a leg has no name of its own: they are `{name}.1`, `{name}.2`, in their order"), None)
        }
        ("flow" | "transfer", Tok::CloseBrace) if split && at == open + 1 => {
            ("say what it gives to, and how much: `{ devs: 70%; ops: rest }`".into(), None)
        }
        ("transfer", Tok::CloseBrace) if at == open + 1 => {
            ("write its legs, each on a line: `source -> target = amount`".into(), None)
        }
        ("flow" | "transfer", Tok::Equals) if split => {
            let name = show(before).replace('`', "");
            (format!("a part is a stock, `:` and what it gets: `{name}: 70%`"), None)
        }
        ("flow" | "transfer", _) if split && before.tok == Tok::Word("rest") => {
            ("`rest` stands alone: it is all that the other parts leave".into(), None)
        }
        ("flow" | "transfer", Tok::CloseBrace) if split && as_name(&before).is_some() => {
            let name = show(before).replace('`', "");
            (format!("say what it gets: `{name}: 30%`, or what is left, `{name}: rest`"), Some(": rest }".into()))
        }
        ("policy" | "scenario", Tok::Colon) => {
            let name = show(before).replace('`', "");
            (format!("a value is given by `=`: `{name} = …`"), None)
        }
        _ => return None,
    })
}

/// Advice for frequent slips, with what to put in the token's place.
fn hint(
    found: Token,
    tokens: &[Token],
    at: usize,
    keyword: Option<&str>,
    expected: &[String],
    operator: bool,
) -> Option<(String, Option<String>)> {
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let after_number = before.is_some_and(|t| matches!(t.tok, Tok::Number(_)));
    // Behind the target, before the amount.
    let runs = at.checked_sub(2).and_then(|i| tokens.get(i)).is_some_and(|t| matches!(t.tok, Tok::Arrow | Tok::TwoWay));
    if let Some(help) = keyword.and_then(|k| in_braces(found, tokens, at, k)) {
        return Some(help);
    }
    match found.tok {
        Tok::Dot if keyword == Some("update") => Some((
            "a member's state is its own: write the update inside its entity, where `update` is followed by the bare name".into(),
            None,
        )),
        Tok::TwoWay if keyword == Some("transfer") => {
            Some(("a transfer moves one way; for the other way write a second one".into(), None))
        }
        Tok::OpenBrace if keyword == Some("flow") && at == 2 => {
            Some(("several legs are one transfer: `transfer swap { … } each step`".into(), None))
        }
        Tok::OpenBrace if keyword == Some("flow") && matches!(before.map(|t| t.tok), Some(Tok::Colon)) => {
            Some(("a flow has one source: write a flow for each".into(), None))
        }
        Tok::Arrow | Tok::TwoWay if matches!(keyword, Some("flow" | "transfer")) && runs => {
            Some(("it runs from one stock to another: write a second one for the way on".into(), None))
        }
        Tok::Comma if matches!(keyword, Some("flow" | "transfer")) && runs => {
            Some(("several targets are a split: `{ devs: 70%; ops: rest }`".into(), None))
        }
        Tok::Word("skip") if before.is_some_and(|t| t.tok != Tok::Word("or")) => {
            Some(("nothing at all, where there is too little, is `or skip`".into(), Some("or skip".into())))
        }
        Tok::Word("cap" | "limited") if matches!(keyword, Some("flow" | "transfer")) => {
            Some(("what there is, where there is too little, is `capped`".into(), Some("capped".into())))
        }
        Tok::Leg(_) if keyword == Some("conserve") => {
            Some(("a trade is excepted as a whole, by its name".into(), Some("".into())))
        }
        Tok::Equals if matches!(tokens.get(at + 1).map(|t| t.tok), Some(Tok::Less)) => {
            Some(("at most is written `<=`".into(), None))
        }
        _ if matches!(before.map(|t| t.tok), Some(Tok::Word("elif" | "elseif"))) => {
            Some(("another choice begins with `else if`".into(), None))
        }
        Tok::Word(_) if matches!(before.map(|t| t.tok), Some(Tok::Word("per"))) => {
            Some(("\"per\" is written `/`: `12%/year`".into(), None))
        }
        Tok::Comma if after_number => {
            let (Some(Tok::Number(whole)), Some(Tok::Number(rest))) =
                (before.map(|t| t.tok), tokens.get(at + 1).map(|t| t.tok))
            else {
                return None;
            };
            if whole.text == "0" || rest.digits != 3 {
                return Some(("decimals stand behind a point: `0.5`".into(), Some(".".into())));
            }
            Some(("thousands are parted by `_`: `5_000`, or written `5k`".into(), Some("_".into())))
        }
        Tok::FatArrow => Some(("at least is written `>=`".into(), Some(">=".into()))),
        Tok::Open if keyword == Some("let") => {
            Some(("what takes arguments is a function: `fn name(x) = …`".into(), None))
        }
        Tok::Word("per") => Some(("\"per\" is written `/`: `5k TKN/month`".into(), Some("/".into()))),
        Tok::Word("at" | "every" | "when" | "once" | "each") if keyword == Some("flow") => {
            Some(("a flow runs all the time; what moves at a time is a `transfer`".into(), None))
        }
        Tok::Word(unit) if matches!(before.map(|t| t.tok), Some(Tok::Word("each"))) => {
            Some((format!("`each step`, or `every 1 {unit}`"), Some("step".into())))
        }
        Tok::Equals
            if matches!(keyword, Some("assert" | "goal" | "transfer" | "let" | "metric"))
                && (at > 3 || keyword == Some("assert")) =>
        {
            Some(("to compare two values, write `==`".into(), Some("==".into())))
        }
        Tok::Word(word @ ("if" | "not" | "match")) if at > 1 => {
            Some((format!("a `{word}` inside an expression goes in parentheses: `… + (if a then b else c)`"), None))
        }
        Tok::Word(word) if DECLARATIONS.contains(&word) || RESERVED.contains(&word) => {
            let named = before.is_some_and(|t| matches!(t.tok, Tok::Word(k) if DECLARATIONS.contains(&k)));
            named.then(|| {
                (
                    format!("`{word}` is a word of the language; as a name it goes between backticks"),
                    Some(format!("`{word}`")),
                )
            })
        }
        Tok::Word(word) => {
            let meant = did_you_mean(word, expected.iter().map(String::as_str))?;
            (!after_number).then(|| (format!("did you mean `{meant}`?"), Some(meant.into())))
        }
        Tok::Number(n) if operator && before.is_some_and(|t| matches!(t.tok, Tok::Word(_))) => {
            let Some(Token { tok: Tok::Word(word), .. }) = tokens.get(at.checked_sub(1)?) else { return None };
            (!is_reserved(word) && !CLAUSES.contains(word))
                .then(|| (format!("a product is written `{word} * {}`", n.text), Some(format!("* {}", n.text))))
        }
        _ => None,
    }
}
