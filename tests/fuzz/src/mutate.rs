//! Makes one text of another by its words and lines, since a model with a random byte in it is seldom one any more.

use std::ops::Range;

use flowc::syntax::token::{self, CLAUSES, DECLARATIONS, OWNED, RESERVED, Tok, Token};

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// One of the pieces of a text that bars with blanks around them part.
    fn piece(&mut self, of: &'static str) -> &'static str {
        let n = self.below(of.split(" | ").count());
        of.split(" | ").nth(n).unwrap_or_default()
    }
}

/// Numbers at which something may change.
const NUMBERS: &str = "0 | 1 | 2 | 3 | 7 | 12 | 60 | 100 | 0% | 100% | 0.1 | 0.5 | 1e-9 | 1e9 | 1k | 10M | 1B | 1e15 | 1e-300 | \
    1e300 | 1e308 | 1e-320 | 9007199254740993 | 0.30000000000000004 | (1/3) | -1 | -0 | (0 - 1) | inf";
const UNITS: &str = "month | year | day | week | quarter | second | percent | bps | USD | EUR | TKN | 1";
const SIGNS: &str = "+ | - | * | / | ^ | < | <= | > | >= | == | != | = | => | -> | <-> | ~ | .. | . | , | ; | : | ( | ) | [ | ] | \
    { | } | || | \n";
/// What may be made of an operand `#` and remain of its unit.
const ALIKE: &str = "(# + #) | (# - #) | (# + @) | (# - @) | (2 * #) | (# / 3) | (-#) | max(#, #) | max(#, @) | min(#, 2 * #) | \
    abs(#) | clamp(#, -#, 0.5 * #) | (if # > # then # else #) | (if time > dt then # else 2 * #) | (if # == @ then # else @) | \
    previous(#, #) | previous(#, @) | opening(#) | initial(#) | floor(#, to: #) | round(#, to: @) | (# * # / #) | (# * dt / dt) | \
    safediv(# * #, #, otherwise: #) | sqrt(# * #) | (# * exp(# / #)) | (# * sin(# / @)) | (# ^ 3 / # ^ 2) | sum(#) | mean(#) | \
    max(#) | (# * (# / @) ^ 0.5) | (match # > @ { true => #, else => @ }) | # else #";
/// What else may be made of it; `@` is another operand of the text.
const OTHER: &str = "(# * @) | (# / @) | # ^ 2 | # ^ @ | clamp(#, 0, @) | (if @ then # else 0) | total(#) | final(#) | mean_over(#) | \
    at(#, @) | delay(#, @) | smooth(#, @) | sum(@[q] for q in #) | #[@] | #[@ else 0] | #[@ - 1 else #] | exp(#) | ln(#) | \
    #/month | # * (1 month) | # * dt | (# > @) | (0 < # <= @) | (not #) | (# and @) | (# or @) | (match # { @ => #, else => @ }) | \
    { #: @, else: # } | first_time(# > @) | round(#) | argmax(#) | count(#) | rank(#, @)";
/// What may stand behind a declaration of the keyword that comes first.
const BEHIND: &str = "flow capped | flow capped first | flow or skip | transfer capped | transfer capped first | transfer or skip | \
    transfer each step | transfer every 2 month | transfer at 3 month | transfer when # > @ | transfer once when # < @ | \
    stock signed | stock in 0 .. # | param in 0 .. # | state next # | state rate # / dt | state every 2 month | \
    metric from 1 month to 3 month | conserve except # | let else # | let + # | let / # | time step 0.5 | time step 0.1 | \
    time starting @2026-01-31 | curve extrapolate | curve step | record step | unit = 2 TKN";
/// Whole declarations; `$` is a new name, and `&` a stock.
const NEW: &str = "let $ = # | let $ = # + @ | let $ = if # > @ then # else @ | state $ = # next # | state $ = # next previous(#, @) | \
    param $ = # in 0 * # .. 2 * # | metric $ = final(#) | metric $ = sd_over(#) from 1 month to 3 month | \
    metric $ = first_time(# > @) | metric $ = total(#) | assert # >= @ | assert # < inf | stock $: TKN = 5 | stock $ = # | \
    flow $: & -> & = & / (3 month) | flow $: & -> & = # / dt capped | flow $: cloud -> & = 5% * & / dt | \
    flow $: & -> cloud = # / (2 month) capped first | flow $: & -> & = # or skip | transfer $: & -> & = & / 3 each step | \
    transfer $: & -> & = # at 2 month or skip | transfer $: & -> cloud = & / 2 every 2 month capped | \
    transfer $: & -> & = @ when # > @ capped | transfer $: cloud -> & = # once when & < & | conserve TKN | record every 2 month | \
    unit $ = 3 TKN | index $ = 0 .. 2 | fn $(x) = x + # | curve $(x) = (0, 1), (1, #), (2, 0)";

/// Puts a mutant in the place of `data[..size]`, of at most `max` bytes, and gives its size; or leaves it to the fuzzer,
/// which has a dictionary and knows what the code has compared with. Of a hundred mutants so many as `careful` says are made
/// so that they may well be sound.
pub fn mutated(data: &mut [u8], size: usize, max: usize, seed: u32, careful: usize) -> Option<usize> {
    let mut random = Random(u64::from(seed));
    let text = std::str::from_utf8(&data[..size]).ok()?.to_string();
    let mutant = if random.below(100) < careful {
        values(&text, &mut random)
    } else {
        match random.below(8) {
            0 => None,
            1 | 2 => lines(&text, &mut random),
            _ => words(&text, &mut random),
        }
    }?;
    if mutant == text || mutant.len() > max {
        return None;
    }
    data[..mutant.len()].copy_from_slice(mutant.as_bytes());
    Some(mutant.len())
}

/// Puts a line of one text, or some, into another.
pub fn crossed(one: &[u8], other: &[u8], out: &mut [u8], seed: u32) -> usize {
    let mut random = Random(u64::from(seed));
    let (mut lines, from): (Vec<&[u8]>, Vec<&[u8]>) =
        (one.split_inclusive(|b| *b == b'\n').collect(), other.split_inclusive(|b| *b == b'\n').collect());
    let start = random.below(from.len());
    let count = 1 + random.below(4);
    let taken = from.into_iter().skip(start).take(count);
    let at = random.below(lines.len() + 1);
    let until = if random.below(2) == 0 { at } else { lines.len().min(at + 1) };
    lines.splice(at..until, taken);
    let mut length = 0;
    for line in &lines {
        let fits = line.len().min(out.len() - length);
        out[length..length + fits].copy_from_slice(&line[..fits]);
        length += fits;
    }
    length
}

fn range(token: &Token) -> Range<usize> {
    token.span.start as usize..token.span.end as usize
}

fn put(text: &str, at: Range<usize>, what: &str) -> String {
    format!("{}{what}{}", &text[..at.start], &text[at.end..])
}

/// The operands of a text that stand where a value is: each with its unit, its subscripts or its arguments.
fn operands(text: &str) -> Vec<Range<usize>> {
    let tokens = token::lex(text, 0);
    let (mut all, mut value) = (Vec::new(), false);
    for (i, token) in tokens.iter().enumerate() {
        value = (value && !token.bol) || matches!(token.tok, Tok::Equals | Tok::FatArrow);
        let next = tokens.get(i + 1).filter(|next| !next.bol);
        // A unit, the name of members or of an argument, or an index is no value.
        let other = matches!(
            i.checked_sub(1).map(|b| tokens[b].tok),
            Some(Tok::Number(_) | Tok::Word("for" | "in") | Tok::Slash | Tok::Caret)
        );
        if other || next.is_some_and(|n| matches!(n.tok, Tok::Colon)) {
            continue;
        }
        let end = match (token.tok, next.map(|n| n.tok)) {
            (Tok::Word(word), _) if CLAUSES.contains(&word) || RESERVED.contains(&word) => continue,
            (Tok::Word(_) | Tok::Quoted(_), Some(Tok::Open | Tok::OpenSquare)) => match partner(&tokens, i + 1) {
                Some(close) => range(&tokens[close]).end,
                None => continue,
            },
            (Tok::Number(_), Some(Tok::Word(word))) if !CLAUSES.contains(&word) && !RESERVED.contains(&word) => {
                next.map_or(0, |n| range(n).end)
            }
            (Tok::Word(_) | Tok::Quoted(_) | Tok::Number(_) | Tok::Date(_), _) => range(token).end,
            _ => continue,
        };
        if value {
            all.push(range(token).start..end);
        }
    }
    all
}

/// The bracket that closes the one at `open`.
fn partner(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..tokens.len()).find(|i| {
        match tokens[*i].tok {
            Tok::Open | Tok::OpenSquare | Tok::OpenBrace => depth += 1,
            Tok::Close | Tok::CloseSquare | Tok::CloseBrace => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// A template with its places filled.
fn filled(template: &str, text: &str, at: Option<Range<usize>>, random: &mut Random) -> Option<String> {
    let all = operands(text);
    let one = at.or_else(|| random.one(&all).cloned()).map(|at| text[at].to_string())?;
    let other = match random.below(5) {
        0 => random.piece(NUMBERS).to_string(),
        1 => format!("{} {}", random.piece(NUMBERS), random.piece(UNITS)),
        _ => text[random.one(&all)?.clone()].to_string(),
    };
    let mut out = String::new();
    for place in template.chars() {
        match place {
            '#' => out.push_str(&one),
            '@' => out.push_str(&other),
            '$' => out.push_str(&format!("n{}", random.below(1000))),
            '&' => out.push_str(random.one(&stocks(text))?),
            other => out.push(other),
        }
    }
    Some(out)
}

/// Other values where values are.
fn values(text: &str, random: &mut Random) -> Option<String> {
    let all = operands(text);
    let at = random.one(&all)?.clone();
    Some(match random.below(9) {
        0 | 1 => put(text, at, &text[random.one(&all)?.clone()]),
        2..=4 => put(text, at.clone(), &filled(random.piece(ALIKE), text, Some(at), random)?),
        5 => {
            let tokens = token::lex(text, 0);
            let numbers: Vec<&Token> = tokens.iter().filter(|t| matches!(t.tok, Tok::Number(_))).collect();
            put(text, range(random.one(&numbers)?), random.piece(NUMBERS))
        }
        6 => put(text, at.clone(), &filled(random.piece(OTHER), text, Some(at), random)?),
        7 => format!("{}\n{}\n", text.trim_end(), filled(random.piece(NEW), text, None, random)?),
        _ => behind(text, random)?,
    })
}

/// The names of the stocks that are no arrays.
fn stocks(text: &str) -> Vec<&str> {
    let names = text.lines().filter_map(|line| line.strip_prefix("stock ")?.split([':', '=']).next());
    names.map(str::trim).filter(|name| !name.contains('[')).collect()
}

/// A clause behind a declaration that may have it.
fn behind(text: &str, random: &mut Random) -> Option<String> {
    let (keyword, clause) = random.piece(BEHIND).split_once(' ')?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let fitting: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].starts_with(keyword)).collect();
    let (at, clause) = (*random.one(&fitting)?, filled(clause, text, None, random)?);
    Some(format!("{}{} {clause}\n{}", lines[..at].concat(), lines[at].trim_end(), lines[at + 1..].concat()))
}

fn lines(text: &str, random: &mut Random) -> Option<String> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    let line = *lines.get(at)?;
    match random.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, line),
        2 => lines.swap(at, other),
        _ => return behind(text, random),
    }
    Some(lines.concat())
}

fn word(random: &mut Random) -> String {
    let own = [DECLARATIONS, CLAUSES, RESERVED, OWNED];
    match random.below(6) {
        n if n < own.len() => random.one(own[n]).copied().unwrap_or_default().into(),
        4 => flowc::builtins::all()[random.below(flowc::builtins::all().len())].name().into(),
        _ => random.piece(SIGNS).into(),
    }
}

/// Words taken away, put in, or moved.
fn words(text: &str, random: &mut Random) -> Option<String> {
    let tokens = token::lex(text, 0);
    let some = |random: &mut Random| {
        let at = random.below(tokens.len());
        let last = tokens.get(at + random.below(6)).or(tokens.last())?;
        Some(range(tokens.get(at)?).start..range(last).end)
    };
    let (many, more) = (some(random)?, some(random)?);
    let one = range(random.one(&tokens)?);
    Some(match random.below(6) {
        0 => put(text, many, ""),
        1 => put(text, many.end..many.end, &format!(" {}", &text[many])),
        2 => put(text, many.start..many.start, &format!("{} ", &text[more])),
        3 => put(text, many, &text[more]),
        4 => put(text, one, &word(random)),
        _ => put(text, one.start..one.start, &format!("{} ", word(random))),
    })
}
