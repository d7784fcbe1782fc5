//! From syntax to meaning: experiments. What is swept, which arms are compared, how often.
//!
//! In: the blocks of a model, and what a call asks for, which is read as lines of a block. Out: [`Experiment`]s.
//! Invariant: a line of the call takes the place of the block's lines of its kind. Absent on purpose: the values
//! themselves, which are worked out when their units are known (see `check`).

use super::resolve::{Meaning, Resolver};
use super::{AnnotationKind, DeclId, DeclKind, ExprId, ExprKind};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::{self, AxisValues, ExperimentItem};

/// `experiment …`, or what a call asks for.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name; what a call asks for without naming one has none.
    pub name: Option<String>,
    /// Where the name stands; of what has none, where its first line does.
    pub span: Span,
    /// What is swept, in the order of the text. Sweeps cross; those of one number go together.
    pub axes: Vec<Axis>,
    /// Its arms: `None` is the run without a scenario. Without a `compare` there are none.
    pub arms: Vec<(Option<String>, Span)>,
    /// How many samples of the uncertain params there are, and how they are drawn.
    pub sample: Option<(ExprId, Design, Span)>,
    /// How many runs each point, arm and sample has.
    pub runs: Option<(ExprId, Span)>,
    /// The seed.
    pub seed: Option<(ExprId, Span)>,
    /// The metrics that are asked for, each with the one member, if it is one; without a `measure` there are none.
    pub measures: Vec<(DeclId, Option<Vec<u32>>, Span)>,
}

/// Something that is swept.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What.
    pub decl: DeclId,
    /// The one member that is swept, if it is not the whole.
    pub member: Option<Vec<u32>>,
    /// As it is written: `fee`, `share[team]`.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// The number of its `sweep`: those of one `sweep zip` share it.
    pub sweep: usize,
    /// What it goes through.
    pub values: Values,
}

/// What a sweep goes through.
#[derive(Clone, Debug)]
pub enum Values {
    /// These, one after the other, each with where it is written.
    List(Vec<ExprId>),
    /// From the first to the second by the third.
    Range {
        /// Where it starts.
        low: ExprId,
        /// Where it ends, if it meets it.
        high: ExprId,
        /// How far it goes each time.
        by: ExprId,
    },
    /// Options of a policy, by number.
    Options(Vec<usize>),
}

/// How uncertain params are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Design {
    /// Each by itself.
    #[default]
    Random,
    /// One from each of n equal parts.
    LatinHypercube,
    /// A scrambled Sobol sequence.
    Sobol,
}

impl Design {
    /// All of them.
    pub const ALL: [Design; 3] = [Design::Random, Design::LatinHypercube, Design::Sobol];

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Design::Random => "random",
            Design::LatinHypercube => "latin_hypercube",
            Design::Sobol => "sobol",
        }
    }
}

/// What a call asks for.
#[derive(Debug, Default)]
pub struct Asked {
    /// `-e NAME`.
    pub name: Option<ast::Name>,
    /// Where its first line stands.
    pub span: Span,
    /// Lines as they stand in a block.
    pub items: Vec<ExperimentItem>,
    /// The model is the one of these choices, each the number of an axis and of its value: one of those that a plan has
    /// come to, so that nothing more is to be said of the call.
    pub chosen: Option<Vec<(usize, usize)>>,
}

/// The word with which a line of an experiment begins.
fn word(item: &ExperimentItem) -> &'static str {
    match item {
        ExperimentItem::Sweep(_) | ExperimentItem::Zip(_) => "sweep",
        ExperimentItem::Compare(_) => "compare",
        ExperimentItem::Sample(..) => "sample",
        ExperimentItem::Runs(_) => "runs",
        ExperimentItem::Seed(_) => "seed",
        ExperimentItem::Measure(_) => "measure",
    }
}

/// Whether two places are one, or one is a member of the other.
fn overlap(a: (DeclId, Option<&Vec<u32>>), b: (DeclId, Option<&Vec<u32>>)) -> bool {
    a.0 == b.0 && (a.1.is_none() || b.1.is_none() || a.1 == b.1)
}

impl<'a> Resolver<'a> {
    /// All blocks of the model, and what the call asks for. `set` is what the call sets itself.
    pub(super) fn experiments(
        &mut self,
        asked: Option<&'a Asked>,
        scenario: Option<&ast::Name>,
        set: &[(DeclId, Option<Vec<u32>>, Span)],
    ) {
        let written = std::mem::take(&mut self.experiments);
        for (i, (name, items)) in written.iter().enumerate() {
            if let Some(first) = written[..i].iter().find(|w| w.0.text == name.text).map(|w| w.0.span) {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("the experiment `{}` is declared twice", name.text),
                    name.span,
                    "declared again here",
                )
                .label(first, "first declared here")
                .help("give one of them another name");
                self.report(error);
            }
            let lines: Vec<&ExperimentItem> = items.iter().collect();
            let experiment = self.experiment(Some(name), name.span, &lines);
            self.model.experiments.push(experiment);
        }
        let Some(asked) = asked else { return };
        let block = match &asked.name {
            None => None,
            Some(name) => match written.iter().position(|w| w.0.text == name.text) {
                Some(found) => Some(found),
                None => return self.no_experiment(name),
            },
        };
        let number = match (block, &asked.items[..]) {
            (Some(block), []) => block,
            (block, lines) => {
                let taken: Vec<&str> = lines.iter().map(word).collect();
                let block = block.map(|b| &written[b]);
                let kept = block.iter().flat_map(|b| b.1).filter(|item| !taken.contains(&word(item)));
                let all: Vec<&ExperimentItem> = kept.chain(lines).collect();
                let name = block.map(|b| b.0);
                let span = name.map_or(asked.span, |n| n.span);
                // The lines of the block have been read, and what is wrong with them has been said.
                let experiment = self.experiment(name, span, &all);
                self.model.experiments.push(experiment);
                self.model.experiments.len() - 1
            }
        };
        self.model.asked = Some(number);
        let experiment = self.model.experiments[number].clone();
        match &asked.chosen {
            Some(chosen) => self.choose_values(&experiment, chosen),
            None => self.set_by_both(&experiment, scenario, set),
        }
    }

    fn no_experiment(&mut self, name: &ast::Name) {
        if self.incomplete.names {
            return;
        }
        let known: Vec<&str> = self.model.experiments.iter().filter_map(|e| e.name.as_deref()).collect();
        let error = Diagnostic::new(
            Code::E0805,
            format!("the model has no experiment `{}`", name.text),
            name.span,
            "nothing declares it",
        );
        let error = match did_you_mean(&name.text, known.iter().copied()) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => error.help(format!(
                "declare it: `experiment {} {{ sweep fee in 1%, 2% }}`, or say on the call what is run: `--sweep \"fee=1%, 2%\"`",
                name.text
            )),
            None => error.help(format!("it has: {}", known.join(", "))),
        };
        self.report(error);
    }

    fn experiment(&mut self, name: Option<&ast::Name>, span: Span, items: &[&'a ExperimentItem]) -> Experiment {
        let mut out = Experiment {
            name: name.map(|n| n.text.clone()),
            span,
            axes: Vec::new(),
            arms: Vec::new(),
            sample: None,
            runs: None,
            seed: None,
            measures: Vec::new(),
        };
        for (sweep, item) in items.iter().enumerate() {
            match item {
                ExperimentItem::Sweep(axis) => out.axes.extend(self.axis(axis, sweep)),
                ExperimentItem::Zip(axes) => {
                    for axis in axes {
                        out.axes.extend(self.axis(axis, sweep));
                    }
                }
                ExperimentItem::Compare(arms) => self.compared(arms, &mut out),
                ExperimentItem::Sample(count, by) => {
                    let design = by.as_ref().map_or(Some(Design::Random), |name| self.design(name));
                    let before = out.sample.as_ref().map(|s| s.2);
                    if !self.line_twice("sample", before, count.span) {
                        let value = self.expr(count);
                        out.sample = design.map(|design| (value, design, count.span));
                    }
                }
                ExperimentItem::Runs(count) => {
                    if !self.line_twice("runs", out.runs.map(|r| r.1), count.span) {
                        out.runs = Some((self.expr(count), count.span));
                    }
                }
                ExperimentItem::Seed(seed) => {
                    if !self.line_twice("seed", out.seed.map(|r| r.1), seed.span) {
                        out.seed = Some((self.expr(seed), seed.span));
                    }
                }
                ExperimentItem::Measure(paths) => {
                    for path in paths {
                        let found = self.measure(path);
                        out.measures.extend(found);
                    }
                }
            }
        }
        for (i, axis) in out.axes.iter().enumerate() {
            let place = |a: &'_ Axis| (a.decl, a.member.clone());
            let (decl, member) = place(axis);
            let before = out.axes[..i].iter().find(|b| overlap((decl, member.as_ref()), (b.decl, b.member.as_ref())));
            if let Some(before) = before {
                let error = Diagnostic::new(
                    Code::E0807,
                    format!("`{}` is swept twice", axis.name),
                    axis.span,
                    "and again here",
                )
                .label(before.span, "first swept here")
                .help("put all its values into one sweep; what moves together stands in one `sweep zip`");
                self.report(error);
            }
            for scenario in out.arms.iter().filter_map(|(arm, _)| arm.as_ref()) {
                let Some(scenario) = self.model.scenarios.iter().find(|s| s.name == *scenario) else { continue };
                let Some((.., at)) =
                    scenario.sets.iter().find(|(d, m, _)| overlap((decl, member.as_ref()), (*d, m.as_ref())))
                else {
                    continue;
                };
                let error = Diagnostic::new(
                    Code::E0807,
                    format!("`{}` is swept, and the scenario `{}` sets it", axis.name, scenario.name),
                    axis.span,
                    "swept here",
                )
                .label(*at, "set here")
                .help("sweep something else, or compare scenarios that leave it alone");
                self.diagnostics.push(error);
            }
        }
        out
    }

    /// What an experiment and its call both set.
    fn set_by_both(
        &mut self,
        experiment: &Experiment,
        scenario: Option<&ast::Name>,
        set: &[(DeclId, Option<Vec<u32>>, Span)],
    ) {
        let title = experiment
            .name
            .as_ref()
            .map_or("the experiment of the call".to_string(), |name| format!("the experiment `{name}`"));
        if let (Some(name), Some((_, compared))) = (scenario, experiment.arms.first()) {
            let error = Diagnostic::new(
                Code::E0807,
                format!("{title} compares scenarios, and the call chooses one"),
                name.span,
                "chosen here",
            )
            .label(*compared, "compared here")
            .help(format!("leave out `--scenario`, or say which to compare: `--compare {}`", name.text));
            self.report(error);
        }
        let swept = experiment.axes.iter().map(|a| (a.decl, a.member.as_ref(), a.span, "swept here".to_string()));
        let arms = experiment.arms.iter().filter_map(|(arm, _)| arm.as_ref());
        let scenarios = arms.filter_map(|arm| self.model.scenarios.iter().find(|s| s.name == *arm));
        let chosen = scenario.and_then(|name| self.model.scenarios.iter().find(|s| s.name == name.text));
        let sets = scenarios.flat_map(|s| {
            s.sets.iter().map(|(d, m, at)| (*d, m.as_ref(), *at, format!("set here, by the scenario `{}`", s.name)))
        });
        let mut errors = Vec::new();
        for (decl, member, at, how) in swept.clone().chain(sets) {
            let Some((.., span)) = set.iter().find(|(d, m, _)| overlap((decl, member), (*d, m.as_ref()))) else {
                continue;
            };
            let name = &self.model.decl(decl).name;
            let error =
                Diagnostic::new(Code::E0807, format!("{title} sets `{name}`, and so does the call"), *span, "set here")
                    .label(at, how)
                    .help(format!("leave out `--set {name}=…`"));
            errors.push(error);
        }
        for (decl, member, at, _) in swept {
            let both = |(d, m, _): &&(DeclId, Option<Vec<u32>>, Span)| overlap((decl, member), (*d, m.as_ref()));
            if let (Some(scenario), Some(name)) = (chosen, scenario)
                && scenario.sets.iter().any(|s| both(&s))
            {
                let fact =
                    format!("`{}` is swept, and the scenario `{}` sets it", self.model.decl(decl).name, name.text);
                let error = Diagnostic::new(Code::E0807, fact, name.span, "chosen here").label(at, "swept here");
                errors.push(error.help("leave out one of them"));
            }
        }
        self.diagnostics.extend(errors);
    }

    /// Puts values in their place that change the model.
    fn choose_values(&mut self, experiment: &Experiment, chosen: &[(usize, usize)]) {
        for (axis, value) in chosen {
            let Some(axis) = experiment.axes.get(*axis) else { continue };
            let new = match &axis.values {
                Values::Options(options) => {
                    if let (DeclKind::Policy { chosen, .. }, Some(option)) =
                        (&mut self.model.decls[axis.decl.0 as usize].kind, options.get(*value))
                    {
                        *chosen = *option;
                    }
                    continue;
                }
                Values::List(values) => values.get(*value).copied(),
                Values::Range { .. } => None,
            };
            let (Some(new), DeclKind::Column { value: before }) = (new, &self.model.decl(axis.decl).kind) else {
                continue;
            };
            let before = *before;
            let new = match &axis.member {
                None => new,
                Some(members) => match self.is_member(axis.decl, members, axis.span) {
                    Some(condition) => self.add(ExprKind::If(condition, new, before), axis.span),
                    None => continue,
                },
            };
            self.model.decls[axis.decl.0 as usize].kind = DeclKind::Column { value: new };
        }
    }

    fn line_twice(&mut self, word: &str, before: Option<Span>, span: Span) -> bool {
        let Some(first) = before else { return false };
        let error = Diagnostic::new(Code::E0811, format!("`{word}` stands twice"), span, "and again here")
            .label(first, "first here")
            .help("keep one of them");
        self.report(error);
        true
    }

    fn design(&mut self, name: &ast::Name) -> Option<Design> {
        let found = Design::ALL.into_iter().find(|d| d.name() == name.text);
        if found.is_none() {
            let error = Diagnostic::new(
                Code::E0814,
                format!("there is no sampling by `{}`", name.text),
                name.span,
                "how are the samples drawn?",
            );
            let meant = did_you_mean(&name.text, Design::ALL.into_iter().map(Design::name));
            self.report(match meant {
                Some(meant) => error.help(format!("did you mean `{meant}`?")),
                None => error.help("write `random`, `latin_hypercube` or `sobol`"),
            });
        }
        found
    }

    fn compared(&mut self, arms: &'a [ast::Path], out: &mut Experiment) {
        if let Some((_, first)) = out.arms.first() {
            let (first, span) = (*first, arms.first().map_or(out.span, |a| a.span));
            self.line_twice("compare", Some(first), span);
            return;
        }
        for arm in arms {
            let [name] = &arm.names[..] else {
                let error = Diagnostic::new(Code::E0802, "an arm is a scenario", arm.span, "this is none");
                self.report(error.help("for example `compare baseline, bear`"));
                continue;
            };
            let scenario = Some(name.text.clone()).filter(|n| n != "baseline");
            if scenario.is_some() && !self.model.scenarios.iter().any(|s| s.name == name.text) {
                if !self.incomplete.names {
                    let error = self.no_scenario(name);
                    self.report(error);
                }
                continue;
            }
            if let Some((_, first)) = out.arms.iter().find(|a| a.0 == scenario) {
                let error = Diagnostic::new(
                    Code::E0811,
                    format!("`{}` is compared with itself", name.text),
                    name.span,
                    "again",
                )
                .label(*first, "first here")
                .help("name each arm once");
                self.report(error);
                continue;
            }
            out.arms.push((scenario, arm.span));
        }
    }

    /// The declaration and member that a path names, if it is of one of these kinds; what cannot be found is reported.
    fn path_to(
        &mut self,
        path: &'a ast::Path,
        code: Code,
        fits: fn(&DeclKind) -> bool,
        wanted: (&str, &str),
    ) -> Option<(DeclId, Option<Vec<u32>>)> {
        let [name] = &path.names[..] else {
            let text = self.sources.text(path.span).to_string();
            let error = Diagnostic::new(code, format!("`{text}` is nothing to {}", wanted.0), path.span, wanted.1);
            let first = path.names.first()?;
            if self.index_named(&first.text).is_some_and(|i| self.living(i).is_some()) {
                self.report(error.help(member_values(wanted.0, &text)));
                return None;
            }
            self.report(error.help(format!("write a plain name: `{}`", path.names.first()?.text)));
            return None;
        };
        let id = match self.names.get(&name.text).map(|e| e.meaning) {
            Some(Meaning::Decl(id)) => id,
            Some(Meaning::Unknown) => return None,
            _ => {
                if !self.incomplete.names {
                    let known: Vec<&str> = self
                        .model
                        .decls
                        .iter()
                        .filter(|d| d.entity.is_none() && fits(&d.kind))
                        .map(|d| d.name.as_str())
                        .collect();
                    let error = Diagnostic::new(
                        code,
                        format!("the model has nothing to {} called `{}`", wanted.0, name.text),
                        name.span,
                        wanted.1,
                    );
                    let meant = did_you_mean(&name.text, known.iter().copied());
                    let own = self.of_members(&name.text, name.span).map(|(entity, _)| entity);
                    let of = own.map(|e| &self.model.entities[e.0 as usize].name);
                    let error = match (of, meant) {
                        (Some(of), _) => error.help(member_values(wanted.0, &format!("{of}.{}", name.text))),
                        (_, Some(meant)) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
                        _ if known.is_empty() => error.help(format!("it has nothing to {}", wanted.0)),
                        _ => error.help(format!("it has: {}", known.join(", "))),
                    };
                    self.report(error);
                }
                return None;
            }
        };
        let decl = self.model.decl(id);
        if !fits(&decl.kind) {
            if matches!(decl.kind, DeclKind::Unknown) {
                return None;
            }
            let (word, name) = (decl.word, decl.name.clone());
            let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            let help = match (wanted.0, word) {
                ("measure", "param") => "a param is the same in each run: sweep it".to_string(),
                ("measure", _) => {
                    format!("declare a metric of it: `metric {name}_end = final({name})`, and measure that")
                }
                (_, "flow" | "transfer") => "let its amount read a `param`, and sweep that".to_string(),
                _ => "make it a `param` to sweep it".to_string(),
            };
            let fact = format!("`{name}` is {article} {word}, and nothing to {}", wanted.0);
            self.report(Diagnostic::new(code, fact, path.span, wanted.1).help(help));
            return None;
        }
        if path.subscripts.is_empty() {
            return Some((id, None));
        }
        if let DeclKind::Policy { .. } = decl.kind {
            let error = Diagnostic::new(
                code,
                format!("an option of `{}` is in force for all members", decl.name),
                path.span,
                "so it is not swept for one",
            )
            .help(format!("write `{}`", decl.name));
            self.report(error);
            return None;
        }
        if decl.axes.len() != path.subscripts.len() {
            // Said with the array's shape.
            self.subscripts(id, &path.subscripts, path.span);
            return None;
        }
        let indexes: Vec<_> = decl.axes.iter().map(|b| self.model.binder(*b).index).collect();
        let members: Vec<u32> =
            indexes.iter().zip(&path.subscripts).filter_map(|(index, e)| self.key(*index, e)).collect();
        (members.len() == indexes.len()).then_some((id, Some(members)))
    }

    fn measure(&mut self, path: &'a ast::Path) -> Option<(DeclId, Option<Vec<u32>>, Span)> {
        let fits = |kind: &DeclKind| matches!(kind, DeclKind::Metric { .. });
        let (id, member) = self.path_to(path, Code::E0813, fits, ("measure", "a metric is wanted here"))?;
        Some((id, member, path.span))
    }

    fn axis(&mut self, axis: &'a ast::Axis, sweep: usize) -> Option<Axis> {
        let fits = |kind: &DeclKind| {
            matches!(
                kind,
                DeclKind::Param { .. }
                    | DeclKind::Stock { .. }
                    | DeclKind::State { .. }
                    | DeclKind::Policy { .. }
                    | DeclKind::Column { .. }
            )
        };
        let wanted = ("sweep", "params, policies, columns and what stocks and states open with can be swept");
        let (decl, member) = self.path_to(&axis.path, Code::E0806, fits, wanted)?;
        let values = match self.model.decl(decl).kind {
            DeclKind::Policy { .. } => self.swept_options(decl, axis)?,
            _ => self.swept_values(decl, member.is_some(), axis)?,
        };
        let name = self.sources.text(axis.path.span).split_whitespace().collect::<Vec<_>>().join(" ");
        let name = if axis.path.subscripts.is_empty() { self.model.decl(decl).name.clone() } else { name };
        Some(Axis { decl, member, name, span: axis.path.span, sweep, values })
    }

    fn swept_options(&mut self, decl: DeclId, axis: &'a ast::Axis) -> Option<Values> {
        let DeclKind::Policy { options, .. } = &self.model.decl(decl).kind else { return None };
        let names: Vec<String> = options.iter().map(|(n, ..)| n.clone()).collect();
        let name = self.model.decl(decl).name.clone();
        match &axis.values {
            AxisValues::All => Some(Values::Options((0..names.len()).collect())),
            AxisValues::Range { low, high, .. } => {
                let error = Diagnostic::new(
                    Code::E0806,
                    format!("options of the policy `{name}` are no numbers"),
                    low.span.to(high.span),
                    "a policy has options, and no range",
                )
                .help(format!("write `{name} in all`, or name some: `{name} in {}`", names.join(", ")));
                self.report(error);
                None
            }
            AxisValues::List(list) => {
                let mut found = Vec::new();
                for e in list {
                    let text = match &e.kind {
                        ast::ExprKind::Name(option) => option.clone(),
                        _ => self.sources.text(e.span).trim_matches('`').to_string(),
                    };
                    match names.iter().position(|n| *n == text) {
                        Some(option) => found.push(option),
                        None => {
                            let error = Diagnostic::new(
                                Code::E0801,
                                format!("the policy `{name}` has no option `{text}`"),
                                e.span,
                                "an option is wanted here",
                            );
                            self.report(match did_you_mean(&text, names.iter().map(String::as_str)) {
                                Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(e.span, meant),
                                None => error.help(format!("it has: {}", names.join(", "))),
                            });
                        }
                    }
                }
                (found.len() == list.len()).then_some(Values::Options(found))
            }
        }
    }

    fn swept_values(&mut self, decl: DeclId, one: bool, axis: &'a ast::Axis) -> Option<Values> {
        let ty = self.model.decl(decl).ty.clone();
        let (axes, name) = (self.model.decl(decl).axes.clone(), self.model.decl(decl).name.clone());
        let label = match ty.as_ref().map(|t| &t.kind) {
            Some(AnnotationKind::Label(index)) => Some(*index),
            Some(_) => None,
            None => self.label_type_of(&name, super::label::MOST_NAMES),
        };
        let whole = !one && !axes.is_empty();
        match &axis.values {
            AxisValues::List(list) => {
                let values = list.iter().map(|e| match (whole, &ty, label) {
                    (true, ..) => self.within(&axes, |r| r.value(e, &axes, ty.as_ref())),
                    (false, None, Some(root)) => self.wanted(e, Some(root)),
                    (false, ..) => self.expr_wanting(e, ty.as_ref()),
                });
                Some(Values::List(values.collect()))
            }
            AxisValues::Range { low, high, by } => {
                if label.is_some() {
                    let error = Diagnostic::new(
                        Code::E0806,
                        format!("values of `{name}` are labels, and have no distance"),
                        by.span,
                        "so nothing can be added to one",
                    )
                    .help(format!("write `{name} in all`, or name some of them"));
                    self.report(error);
                    return None;
                }
                let [low, high, by] = [low, high, by].map(|e| self.expr(e));
                Some(Values::Range { low, high, by })
            }
            AxisValues::All => {
                let default = match self.model.decl(decl).kind {
                    DeclKind::Param { value, .. } => Some(value),
                    DeclKind::State { initial, .. } => Some(initial),
                    _ => None,
                };
                let truth = matches!(ty.as_ref().map(|t| &t.kind), Some(AnnotationKind::Bool))
                    || default.is_some_and(|e| matches!(self.model.expr(e).kind, ExprKind::Bool(_)));
                let kinds: Vec<ExprKind> = match label {
                    _ if truth && !whole => vec![ExprKind::Bool(false), ExprKind::Bool(true)],
                    Some(index) if !whole && !self.model.is_numeric(index) => {
                        let root = self.model.index(index).root;
                        self.model.members(index).into_iter().map(|m| ExprKind::Label(root, m)).collect()
                    }
                    _ => {
                        let error = Diagnostic::new(
                            Code::E0806,
                            format!("`{name}` has no list of all its values"),
                            axis.path.span,
                            "options, labels and `bool` have one",
                        )
                        .help(format!("say which: `sweep {name} in 1, 2, 3` or `sweep {name} in 0 .. 10 by 1`"));
                        self.report(error);
                        return None;
                    }
                };
                let span = axis.path.span;
                Some(Values::List(kinds.into_iter().map(|kind| self.add(kind, span)).collect()))
            }
        }
    }
}

/// What to do instead of asking for what each member has.
fn member_values(what: &str, name: &str) -> String {
    match what {
        "measure" => format!("declare a metric of it: `metric m = final(sum({name}))`, and measure that"),
        _ => "each member has its own: let it read a `param` that stands outside of the entity, and sweep that".into(),
    }
}
