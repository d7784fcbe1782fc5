//! Declarations: one parser each, in the order of the grammar.

use chumsky::prelude::*;

use super::expr::*;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::{Tok, Token};

/// The parts that many declarations share.
struct Parts<'t, 's> {
    expr: Rule<'t, 's, Expr>,
    ty: Rule<'t, 's, Type>,
    head: Rule<'t, 's, Head>,
    place: Rule<'t, 's, Place>,
    target: Rule<'t, 's, Target>,
    path: Rule<'t, 's, Path>,
    setting: Rule<'t, 's, Setting>,
    dist: Rule<'t, 's, Dist>,
}

fn comma<'t, 's: 't>() -> impl Parse<'t, 's, Span> {
    sign(Tok::Comma, ",")
}

fn equals<'t, 's: 't>() -> impl Parse<'t, 's, Span> {
    sign(Tok::Equals, "=")
}

fn colon<'t, 's: 't>() -> impl Parse<'t, 's, Span> {
    sign(Tok::Colon, ":")
}

fn names<'t, 's: 't>() -> impl Parse<'t, 's, Vec<Name>> {
    name().separated_by(comma()).at_least(1).collect()
}

fn braces<'t, 's: 't, O: 't>(inner: impl Parse<'t, 's, O>) -> impl Parse<'t, 's, O> {
    inner.delimited_by(sign(Tok::OpenBrace, "{"), sign(Tok::CloseBrace, "}"))
}

/// Entries between braces, each on a line of its own or parted by `;` or `,`.
fn entries<'t, 's: 't, O: 't>(entry: impl Parse<'t, 's, O>) -> impl Parse<'t, 's, Vec<O>> {
    braces(entry.separated_by(separator()).allow_trailing().at_least(1).collect())
}

impl<'t, 's: 't> Parts<'t, 's> {
    fn new() -> Self {
        let expr = expr();
        let ty = ty(expr.clone());
        let shape = binder(expr.clone())
            .separated_by(comma())
            .at_least(1)
            .collect::<Vec<_>>()
            .delimited_by(sign(Tok::OpenSquare, "["), sign(Tok::CloseSquare, "]"));
        let head = name()
            .then(shape.or_not())
            .map(|(name, binders)| Head { name, binders: binders.unwrap_or_default() })
            .boxed();
        let subscripts = expr
            .clone()
            .separated_by(comma())
            .at_least(1)
            .collect::<Vec<_>>()
            .delimited_by(sign(Tok::OpenSquare, "["), sign(Tok::CloseSquare, "]"));
        let fields = sign(Tok::Dot, ".").ignore_then(label()).repeated().collect::<Vec<_>>();
        let place = kw("cloud")
            .to(PlaceKind::Cloud)
            .or(name().then(fields).then(subscripts.or_not()).map(|((name, mut fields), subscripts)| {
                let subscripts = subscripts.unwrap_or_default();
                let Some(field) = fields.pop() else { return PlaceKind::Name { name, subscripts } };
                let first = Expr::new(ExprKind::Name(name.text), name.span);
                let base = fields.into_iter().fold(first, |base, field| {
                    let span = base.span.to(field.span);
                    Expr::new(ExprKind::Field(Box::new(base), field), span)
                });
                PlaceKind::Member { base: Box::new(base), field, subscripts }
            }))
            .map_with(|kind, e| Place { kind, span: span_of(e.slice()) })
            .labelled("a stock or `cloud`")
            .boxed();
        let part = kw("rest").to(Part::Rest).or(expr.clone().map(Part::Expr));
        let instead = kw("else").ignore_then(place.clone()).or_not();
        let split = place.clone().then(instead.clone()).then_ignore(colon()).then(part);
        let split = entries(split.map(|((place, instead), part)| (place, instead, part)))
            .map_with(|parts, e| Target::Split(parts, span_of(e.slice())));
        let target =
            place.clone().then(instead).map(|(place, otherwise)| Target::One(place, otherwise)).or(split).boxed();
        let path = name()
            .then(sign(Tok::Dot, ".").ignore_then(label()).repeated().collect::<Vec<_>>())
            .then(
                expr.clone()
                    .separated_by(comma())
                    .at_least(1)
                    .collect::<Vec<_>>()
                    .delimited_by(sign(Tok::OpenSquare, "["), sign(Tok::CloseSquare, "]"))
                    .or_not()
                    .map(Option::unwrap_or_default),
            )
            .map_with(|((first, rest), subscripts), e| {
                let names = std::iter::once(first).chain(rest).collect();
                Path { names, subscripts, span: span_of(e.slice()) }
            })
            .boxed();
        // An option of a policy may be any word, so its path begins with a label.
        let option = label().map_with(|n, e| Path { names: vec![n], subscripts: Vec::new(), span: span_of(e.slice()) });
        let setting = path
            .clone()
            .or(option)
            .then_ignore(equals())
            .then(expr.clone())
            .map(|(path, value)| Setting { path, value })
            .boxed();
        let dist = name()
            .then(arguments(expr.clone()))
            .map_with(|(name, args), e| Dist { name, args, span: span_of(e.slice()) })
            .labelled("a distribution")
            .boxed();
        Self { expr, ty, head, place, target, path, setting, dist }
    }

    fn expr(&self) -> Rule<'t, 's, Expr> {
        self.expr.clone()
    }

    fn typed(&self) -> impl Parse<'t, 's, Option<Type>> {
        colon().ignore_then(self.ty.clone()).or_not()
    }

    fn range(&self) -> impl Parse<'t, 's, Range> {
        kw("in")
            .ignore_then(self.expr())
            .then_ignore(sign(Tok::Range, ".."))
            .then(self.expr())
            .map(|(low, high)| Range { low, high })
    }

    fn short(&self) -> impl Parse<'t, 's, Short> {
        let capped = kw("capped")
            .ignore_then(kw("first").or_not())
            .map(|first| if first.is_some() { ShortKind::CappedFirst } else { ShortKind::Capped });
        let skip = kw("or").ignore_then(kw("skip")).to(ShortKind::OrSkip);
        capped.or(skip).map_with(|kind, e| Short { kind, span: span_of(e.slice()) })
    }

    fn leg(&self) -> impl Parse<'t, 's, Leg> {
        self.place
            .clone()
            .then_ignore(sign(Tok::Arrow, "->"))
            .then(self.target.clone())
            .then_ignore(equals())
            .then(self.expr())
            .map_with(|((from, to), amount), e| Leg { from, to, amount, span: span_of(e.slice()) })
    }

    fn units(&self) -> impl Parse<'t, 's, Decl> {
        let alias = kw("alias").ignore_then(names()).or_not().map(Option::unwrap_or_default);
        let value = equals().ignore_then(self.expr()).map(|value| (Vec::new(), Some(value)));
        let more = comma().ignore_then(name()).repeated().collect::<Vec<_>>().map(|names| (names, None));
        kw("unit").ignore_then(name()).then(value.or(more)).then(alias).map(|((first, (mut names, value)), aliases)| {
            names.insert(0, first);
            Decl::Unit { names, value, aliases }
        })
    }

    fn clock(&self) -> impl Parse<'t, 's, Decl> {
        kw("time")
            .ignore_then(name())
            .then_ignore(kw("from"))
            .then(self.expr())
            .then_ignore(kw("to"))
            .then(self.expr())
            .then(kw("step").ignore_then(self.expr()).or_not())
            .then(kw("using").ignore_then(name()).or_not())
            .then(kw("starting").ignore_then(date()).or_not())
            .map(|(((((unit, from), to), step), using), starting)| {
                Decl::Time(Time { unit, from, to, step, using, starting })
            })
    }

    fn index(&self) -> impl Parse<'t, 's, Decl> {
        let column = label().then(self.typed()).map(|(name, ty)| Column { name, ty });
        let bar = || any().filter(|t: &Token| t.tok == Tok::Bar && !t.bol).ignored().labelled("|");
        let header =
            sign(Tok::Bar, "|").ignore_then(column.clone().separated_by(bar()).at_least(1).collect::<Vec<_>>());
        let row_label = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w) | Tok::Quoted(w) if t.bol => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("a row");
        let row = row_label.then(bar().ignore_then(self.expr()).repeated().collect::<Vec<_>>());
        let table = braces(header.then(row.repeated().collect::<Vec<_>>()))
            .map(|(columns, rows)| IndexBody::Table(columns, rows));
        let labels = label().separated_by(comma()).at_least(1).collect::<Vec<_>>().map(IndexBody::Labels);
        let numbers = self
            .expr()
            .then_ignore(sign(Tok::Range, ".."))
            .then(self.expr())
            .map(|(low, high)| IndexBody::Numbers(low, high));
        let columns = entries(column).or_not().map(Option::unwrap_or_default);
        let file = kw("from").ignore_then(text()).then(columns).map(|(file, columns)| IndexBody::File(file, columns));
        kw("index")
            .ignore_then(name())
            .then(kw("in").ignore_then(name()).or_not())
            .then(choice((equals().ignore_then(numbers.or(labels)), file, table)))
            .map(|((name, parent), body)| Decl::Index(Index { name, parent, body }))
    }

    fn values(&self) -> Vec<Keyed<'t, 's>> {
        let typed = || self.typed();
        let initial = || equals().ignore_then(self.expr());
        let param = kw("param")
            .ignore_then(self.head.clone())
            .then(typed())
            .then(initial().or_not())
            .then(sign(Tok::Tilde, "~").ignore_then(self.dist.clone()).or_not())
            .then(kw("from").ignore_then(text()).or_not())
            .then(self.range().or_not())
            .map(|(((((head, ty), default), dist), from), range)| Decl::Param { head, ty, default, dist, from, range });
        let aux = kw("let")
            .ignore_then(self.head.clone())
            .then(typed())
            .then(initial())
            .map(|((head, ty), value)| Decl::Let { head, ty, value });
        let next = kw("next")
            .ignore_then(self.expr())
            .then(kw("every").ignore_then(self.expr()).or_not())
            .map(|(value, every)| StateRule::Next { value, every });
        let rate = kw("rate").ignore_then(self.expr()).map(StateRule::Rate);
        let state = kw("state")
            .ignore_then(self.head.clone())
            .then(typed())
            .then(initial())
            .then(next.or(rate).or_not())
            .map(|(((head, ty), initial), rule)| Decl::State { head, ty, initial, rule });
        let fn_param = name().then(typed());
        let function = kw("fn")
            .ignore_then(name())
            .then(
                fn_param
                    .separated_by(comma())
                    .at_least(1)
                    .collect::<Vec<_>>()
                    .delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")")),
            )
            .then(initial())
            .map(|((name, params), body)| Decl::Fn { name, params, body });
        vec![("param", param.boxed()), ("let", aux.boxed()), ("state", state.boxed()), ("fn", function.boxed())]
    }

    fn data(&self) -> Vec<Keyed<'t, 's>> {
        let typed = || self.typed();
        let point = self
            .expr()
            .then_ignore(comma())
            .then(self.expr())
            .delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")"));
        let ends = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w @ ("extrapolate" | "step")) => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("extrapolate");
        let curve = kw("curve")
            .ignore_then(name())
            .then(name().then(typed()).delimited_by(sign(Tok::Open, "("), sign(Tok::Close, ")")))
            .then(typed())
            .then_ignore(equals())
            .then(point.separated_by(comma()).at_least(1).collect::<Vec<_>>())
            .then(ends.or_not())
            .map(|((((name, param), ty), points), ends)| Decl::Curve { name, param, ty, points, ends });
        let mode = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w @ ("linear" | "hold" | "lumps")) => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("linear");
        let series = kw("series")
            .ignore_then(self.head.clone())
            .then_ignore(colon())
            .then(self.ty.clone())
            .then_ignore(kw("from"))
            .then(text())
            .then(kw("column").ignore_then(label()).or_not())
            .then(kw("time").ignore_then(label()).or_not())
            .then(mode.or_not())
            .then(kw("by").then(kw("run")).or_not().map(|x| x.is_some()))
            .then(kw("clamp").or_not().map(|x| x.is_some()))
            .map(|(((((((head, ty), from), column), time), mode), by_run), clamp)| Decl::Series {
                head,
                ty,
                from,
                column,
                time,
                mode,
                by_run,
                clamp,
            });
        let dist = || sign(Tok::Tilde, "~").ignore_then(self.dist.clone());
        let cadence = kw("each")
            .then(kw("step"))
            .to(Cadence::EachStep)
            .or(kw("every").ignore_then(self.expr()).map(Cadence::Every));
        let draw = kw("draw")
            .ignore_then(self.head.clone())
            .then(typed())
            .then(dist())
            .then(cadence.or_not())
            .map(|(((head, ty), dist), cadence)| Decl::Draw { head, ty, dist, cadence });
        let trait_value = equals().ignore_then(self.expr()).map(TraitValue::Expr).or(dist().map(TraitValue::Dist));
        let trait_ = kw("trait")
            .ignore_then(self.head.clone())
            .then(typed())
            .then(trait_value)
            .map(|((head, ty), value)| Decl::Trait { head, ty, value });
        vec![("curve", curve.boxed()), ("series", series.boxed()), ("draw", draw.boxed()), ("trait", trait_.boxed())]
    }

    fn ledger(&self) -> Vec<Keyed<'t, 's>> {
        let option = choice((
            kw("signed").map(StockOption::Signed),
            self.range().map(StockOption::Within),
            kw("from").ignore_then(self.place.clone()).map(StockOption::From),
        ));
        let holding = |word| {
            kw(word).ignore_then(self.head.clone()).then_ignore(colon()).then(self.ty.clone()).then_ignore(equals())
        };
        let stock = holding("stock")
            .then(self.expr())
            .then(option.repeated().collect::<Vec<_>>())
            .map(|(((head, ty), opening), options)| Decl::Stock { head, ty, opening, options });
        let exit_kind = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w @ ("leak" | "out")) => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("leak");
        let exit = exit_kind
            .then(name())
            .then_ignore(sign(Tok::Arrow, "->"))
            .then(self.target.clone())
            .then(equals().ignore_then(self.expr()).or_not())
            .map(|(((kind, name), target), value)| Exit { kind, name, target, value });
        let conveyor = holding("conveyor")
            .then(self.expr())
            .then_ignore(kw("for"))
            .then(self.expr())
            .then(entries(exit))
            .map(|((((head, ty), opening), transit), exits)| Decl::Conveyor { head, ty, opening, transit, exits });
        let arrow = sign(Tok::Arrow, "->").to(false).or(sign(Tok::TwoWay, "<->").to(true));
        let edge = self.place.clone().then(arrow).then(self.target.clone()).then_ignore(equals()).then(self.expr());
        let flow = kw("flow")
            .ignore_then(self.head.clone())
            .then_ignore(colon())
            .then(edge.map_with(|(((from, two_way), to), amount), e| {
                (Leg { from, to, amount, span: span_of(e.slice()) }, two_way)
            }))
            .then(self.short().or_not())
            .map(|((head, (leg, two_way)), short)| Decl::Flow { head, leg, two_way, short });
        let every = kw("every")
            .ignore_then(self.expr())
            .then(kw("from").ignore_then(self.expr()).or_not())
            .then(kw("to").ignore_then(self.expr()).or_not())
            .map(|((period, from), to)| ClauseKind::Every { period, from, to });
        let when = kw("once")
            .or_not()
            .then_ignore(kw("when"))
            .then(self.expr())
            .map(|(once, condition)| ClauseKind::When { condition, once: once.is_some() });
        let clause = choice((
            kw("at").ignore_then(self.expr()).map(ClauseKind::At),
            every,
            when,
            kw("each").then(kw("step")).to(ClauseKind::EachStep),
            self.short().map(|s| ClauseKind::Short(s.kind)),
        ))
        .map_with(|kind, e| Clause { kind, span: span_of(e.slice()) });
        let legs = colon()
            .ignore_then(self.leg())
            .map(|leg| (vec![leg], false))
            .or(entries(self.leg()).map(|legs| (legs, true)));
        let transfer = kw("transfer")
            .ignore_then(self.head.clone())
            .then(legs)
            .then(clause.repeated().collect::<Vec<_>>())
            .map(|((head, (legs, grouped)), clauses)| Decl::Transfer { head, legs, grouped, clauses });
        let births = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w @ ("births" | "deaths")) => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("births");
        let field = sign(Tok::Dot, ".").ignore_then(name()).map(|field| (Some(field), None));
        let exception = name().then(field.or(births.map(|life| (None, Some(life)))).or_not()).map(|(name, of)| {
            let (field, life) = of.unwrap_or_default();
            Exception { name, field, life }
        });
        let exceptions = exception.separated_by(comma()).at_least(1).collect::<Vec<_>>();
        let conserve = kw("conserve")
            .ignore_then(name())
            .then(equals().ignore_then(self.expr()).or_not())
            .then(kw("except").ignore_then(exceptions).or_not())
            .map(|((unit, total), except)| Decl::Conserve { unit, total, except: except.unwrap_or_default() });
        vec![
            ("stock", stock.boxed()),
            ("conveyor", conveyor.boxed()),
            ("flow", flow.boxed()),
            ("transfer", transfer.boxed()),
            ("conserve", conserve.boxed()),
        ]
    }

    fn populations(&self) -> Vec<Keyed<'t, 's>> {
        let up_to = kw("up").then(kw("to")).ignore_then(self.expr()).map(|n| (n, Spawn::UpTo));
        let count = self
            .expr()
            .then(kw("initially").or_not())
            .map(|(n, initially)| (n, if initially.is_some() { Spawn::Initially } else { Spawn::Rate }));
        let spawn = kw("spawn")
            .ignore_then(name())
            .then_ignore(colon())
            .then(up_to.or(count))
            .map(|(entity, (count, how))| Decl::Spawn { entity, count, how });
        let route = self.place.clone().then_ignore(sign(Tok::Arrow, "->")).then(self.target.clone());
        let retire = kw("retire")
            .ignore_then(name())
            .then_ignore(kw("when"))
            .then(self.expr())
            .then(entries(route).or_not())
            .map(|((entity, when), routes)| Decl::Retire { entity, when, routes: routes.unwrap_or_default() });
        let update = kw("update")
            .ignore_then(self.head.clone())
            .then_ignore(equals())
            .then(self.expr())
            .map(|(head, value)| Decl::Update { head, value });
        let policy = kw("policy")
            .ignore_then(self.head.clone())
            .then(self.typed())
            .then(braces(self.setting.clone().separated_by(separator()).allow_trailing().collect()))
            .map(|((head, ty), options)| Decl::Policy { head, ty, options });
        vec![
            ("spawn", spawn.boxed()),
            ("retire", retire.boxed()),
            ("update", update.boxed()),
            ("policy", policy.boxed()),
        ]
    }

    fn questions(&self) -> Vec<Keyed<'t, 's>> {
        let window = kw("from").ignore_then(self.expr()).then_ignore(kw("to")).then(self.expr());
        let metric = kw("metric")
            .ignore_then(self.head.clone())
            .then(self.typed())
            .then_ignore(equals())
            .then(self.expr())
            .then(window.or_not())
            .map(|(((head, ty), value), window)| Decl::Metric { head, ty, value, window });
        let assert = kw("assert").ignore_then(self.expr()).map(Decl::Assert);
        let optimise = any()
            .filter_map(|t: Token| match t.tok {
                Tok::Word(w @ ("maximize" | "minimize")) => Some(Name { text: w.to_string(), span: t.span }),
                _ => None,
            })
            .labelled("maximize")
            .then(self.expr())
            .map(|(how, e)| (Some(how), e, None, None));
        let wanted = self
            .expr()
            .then(kw("of").ignore_then(name()).or_not())
            .then(kw("in").ignore_then(self.expr()).then_ignore(kw("of")).then_ignore(kw("runs")).or_not())
            .map(|((e, of), share)| (None, e, of, share));
        let goal = kw("goal")
            .ignore_then(name().then_ignore(colon()).or_not())
            .then(optimise.or(wanted))
            .map(|(name, (optimise, condition, of, share))| Decl::Goal { name, optimise, condition, of, share });
        let paths = || self.path.clone().separated_by(comma()).at_least(1).collect::<Vec<_>>();
        let assumption = kw("assumption")
            .ignore_then(name())
            .then(kw("about").ignore_then(paths()).or_not())
            .then(text())
            .then(kw("source").ignore_then(text()).or_not())
            .then(kw("confidence").ignore_then(name()).or_not())
            .map(|((((name, about), text), source), confidence)| Decl::Assumption {
                name,
                about: about.unwrap_or_default(),
                text,
                source,
                confidence,
            });
        let expect = kw("expect")
            .ignore_then(self.expr())
            .then_ignore(kw("within"))
            .then(self.expr())
            .then_ignore(kw("of"))
            .then(text())
            .then(kw("column").ignore_then(label()).or_not())
            .then(kw("time").ignore_then(label()).or_not())
            .then(kw("shifted").ignore_then(plain_number()).then_ignore(kw("step")).or_not())
            .map(|(((((value, within), file), column), time), shifted)| Decl::Expect {
                value,
                within,
                file,
                column,
                time,
                shifted,
            });
        let scenario = kw("scenario")
            .ignore_then(name())
            .then(braces(self.setting.clone().separated_by(separator()).allow_trailing().collect()))
            .map(|(name, settings)| Decl::Scenario { name, settings });
        vec![
            ("metric", metric.boxed()),
            ("assert", assert.boxed()),
            ("goal", goal.boxed()),
            ("assumption", assumption.boxed()),
            ("expect", expect.boxed()),
            ("scenario", scenario.boxed()),
            ("experiment", self.experiment()),
        ]
    }

    fn experiment(&self) -> Rule<'t, 's, Decl> {
        let items = self.experiment_items();
        kw("experiment")
            .ignore_then(name())
            .then(braces(items))
            .map(|(name, items)| Decl::Experiment { name, items })
            .boxed()
    }

    fn experiment_items(&self) -> Rule<'t, 's, Vec<ExperimentItem>> {
        let list = self.expr().separated_by(comma()).at_least(1).collect::<Vec<_>>();
        let range = self
            .expr()
            .then_ignore(sign(Tok::Range, ".."))
            .then(self.expr())
            .then_ignore(kw("by"))
            .then(self.expr())
            .map(|((low, high), by)| AxisValues::Range { low, high, by });
        let values = choice((kw("all").to(AxisValues::All), range, list.map(AxisValues::List)));
        let axis =
            self.path.clone().then_ignore(kw("in")).then(values).map(|(path, values)| Axis { path, values }).boxed();
        let zip_end = any()
            .filter(|t: &Token| t.tok == Tok::Semicolon)
            .ignored()
            .or(any().filter(|t: &Token| t.bol).rewind().ignored())
            .labelled("a new line or `;`");
        let zip = kw("zip")
            .ignore_then(braces(axis.clone().separated_by(zip_end).allow_trailing().at_least(1).collect::<Vec<_>>()));
        let sweep = kw("sweep").ignore_then(zip.map(ExperimentItem::Zip).or(axis.map(ExperimentItem::Sweep)));
        let paths = || self.path.clone().separated_by(comma()).at_least(1).collect::<Vec<_>>();
        let item = choice((
            sweep,
            kw("compare").ignore_then(paths()).map(ExperimentItem::Compare),
            kw("sample")
                .ignore_then(self.expr())
                .then(kw("by").ignore_then(name()).or_not())
                .map(|(n, by)| ExperimentItem::Sample(n, by)),
            kw("runs").ignore_then(self.expr()).map(ExperimentItem::Runs),
            kw("seed").ignore_then(self.expr()).map(ExperimentItem::Seed),
            kw("measure").ignore_then(paths()).map(ExperimentItem::Measure),
        ));
        item.then_ignore(sign(Tok::Semicolon, ";").or_not()).repeated().collect::<Vec<_>>().boxed()
    }
}

/// The lines of an experiment.
pub(super) fn experiment_items<'t, 's: 't>() -> Rule<'t, 's, Vec<ExperimentItem>> {
    Parts::new().experiment_items()
}

/// A declaration's keyword and its parser.
type Keyed<'t, 's> = (&'static str, Rule<'t, 's, Decl>);

/// The parsers of all declarations but the two that hold others, by keyword. Looking one up tries no other, so that what is
/// expected is what this declaration expects.
pub(super) struct Decls<'t, 's>(Vec<Keyed<'t, 's>>);

impl<'t, 's: 't> Decls<'t, 's> {
    pub(super) fn new() -> Self {
        let parts = Parts::new();
        let use_ = kw("use").ignore_then(text()).map(Decl::Use).boxed();
        let record = kw("record").ignore_then(kw("every")).ignore_then(parts.expr()).map(Decl::Record).boxed();
        let phases = kw("phases").ignore_then(names()).map(Decl::Phases).boxed();
        let mut all = vec![
            ("use", use_),
            ("unit", parts.units().boxed()),
            ("time", parts.clock().boxed()),
            ("record", record),
            ("index", parts.index().boxed()),
            ("phases", phases),
        ];
        for group in [parts.values(), parts.ledger(), parts.questions(), parts.data(), parts.populations()] {
            all.extend(group);
        }
        Self(all)
    }

    pub(super) fn of(&self, word: &str) -> Option<&Rule<'t, 's, Decl>> {
        self.0.iter().find(|(keyword, _)| *keyword == word).map(|(_, parser)| parser)
    }
}

/// `phase NAME {`, up to the brace.
pub(super) fn phase_header<'t, 's: 't>() -> Rule<'t, 's, Name> {
    kw("phase").ignore_then(name()).then_ignore(sign(Tok::OpenBrace, "{")).boxed()
}

/// `entity NAME at most 5000 {`, up to the brace.
pub(super) fn entity_header<'t, 's: 't>() -> Rule<'t, 's, (Name, Option<Expr>)> {
    kw("entity")
        .ignore_then(name())
        .then(kw("at").then(kw("most")).ignore_then(expr()).or_not())
        .then_ignore(sign(Tok::OpenBrace, "{"))
        .boxed()
}
