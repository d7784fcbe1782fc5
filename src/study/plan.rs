//! The plan of an experiment: its design points, arms, samples and runs, each with its number.
//!
//! In: a checked model and one of its experiments. Out: [`Plan`]. Invariant: points are numbered from 1 in the order of
//! the text, the last sweep the fastest; every arm has the same points, and every point the same runs. Absent on purpose:
//! what has to be checked, which `check` has.

use super::sampling::{Beyond, design};
use crate::check::{Facts, Ty};
use crate::hir::{self, DeclId, DeclKind, Design};
use crate::ir::{Asked, Model, Origin};

/// What an experiment runs. `points × arms × runs` runs in all.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment's name; what a call asks for by itself has none.
    pub name: Option<String>,
    /// What is swept, in the order of the text.
    pub swept: Vec<Swept>,
    /// Of each design point the number of each swept thing's value. Point 1 is the first. Without sweeps there is one.
    pub points: Vec<Vec<u32>>,
    /// The arms in their order, one at least.
    pub arms: Vec<Arm>,
    /// How uncertain params are drawn; without it they have their defaults.
    pub sample: Option<Sample>,
    /// Runs of each sample: run `r` is of sample `(r - 1) / repeats + 1`.
    pub repeats: u32,
    /// Runs of each point in each arm: samples × repeats.
    pub runs: u32,
    /// The seed.
    pub seed: u64,
    /// The metrics that are asked for, in the order of the text; all, if none are named.
    pub measures: Vec<Origin>,
    /// What is put in place of openings, in the order of [`Plan::inputs_of`].
    pub inputs: Vec<(DeclId, u32)>,
    /// The models that are run.
    pub variants: Vec<Variant>,
}

/// An arm of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Its name: the scenario's, or `baseline`.
    pub name: String,
    /// The scenario, if it has one.
    pub scenario: Option<String>,
}

/// How uncertain params are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many samples.
    pub count: u32,
    /// How they are drawn.
    pub design: Design,
}

/// Something that is swept.
#[derive(Clone, Debug)]
pub struct Swept {
    /// As it is written: `fee`, `share[team]`.
    pub name: String,
    /// Its unit; `1` for plain numbers, `bool` for conditions, the index for labels, nothing for options and whole arrays.
    pub unit: String,
    /// The number of its `sweep`: those of one `sweep zip` share it.
    pub sweep: usize,
    /// Its values.
    pub values: Vec<SweptValue>,
    /// Where its values stand among the inputs; what changes the model has none.
    pub input: Option<usize>,
}

/// A value of something that is swept.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptValue {
    /// As a designer writes it: `0.25%`, `36 month`, `tiered`, `{ team: 30%, seed: 70% }`.
    pub text: String,
    /// In its unit, where it is a plain number.
    pub number: Option<f64>,
    /// In stored units; of a whole array each member's. Empty where it changes the model.
    pub stored: Vec<f64>,
}

/// A model that is run: that of an arm, with the choices that change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The number of the arm.
    pub arm: usize,
    /// Of what changes the model: the number of the axis and of its value.
    pub choices: Vec<(usize, usize)>,
    /// Its design points, ascending, from 0.
    pub points: Vec<usize>,
}

/// The plan of the experiment that the call asks for; none, if it asks for none or something is wrong with it.
pub fn plan(model: &hir::Model, facts: &Facts) -> Option<Plan> {
    let number = model.asked?;
    let (experiment, planned) = (model.experiments.get(number)?, facts.experiments.get(number)?);
    let mut inputs = Vec::new();
    let swept: Vec<Swept> =
        experiment.axes.iter().zip(&planned.axes).map(|(a, v)| swept(model, facts, a, v, &mut inputs)).collect();
    let points = points(&swept)?;
    let mut arms: Vec<Arm> = experiment
        .arms
        .iter()
        .map(|(scenario, _)| Arm { name: name_of(scenario.as_deref()), scenario: scenario.clone() })
        .collect();
    if arms.is_empty() {
        let scenario = model.in_force.clone();
        arms.push(Arm { name: name_of(scenario.as_deref()), scenario });
    }
    let mut measures = Vec::new();
    for (decl, member, _) in &experiment.measures {
        let members = match (member, facts.shape(*decl)) {
            (Some(members), Some(shape)) => shape.offset(members).map(|at| at as u32..at as u32 + 1).unwrap_or(0..0),
            _ => 0..facts.count(*decl) as u32,
        };
        for origin in members.map(|member| Origin { decl: *decl, member }) {
            if !measures.contains(&origin) {
                measures.push(origin);
            }
        }
    }
    let sample = experiment.sample.map(|(_, design, _)| Sample { count: planned.samples, design });
    let mut plan = Plan {
        name: experiment.name.clone(),
        swept,
        points,
        arms,
        sample,
        repeats: planned.runs,
        runs: planned.runs * planned.samples.max(1),
        seed: planned.seed,
        measures,
        inputs,
        variants: Vec::new(),
    };
    for arm in 0..plan.arms.len() {
        for point in 0..plan.points.len() {
            let choices = plan.choices(point);
            match plan.variants.iter_mut().find(|v| v.arm == arm && v.choices == choices) {
                Some(variant) => variant.points.push(point),
                None => plan.variants.push(Variant { arm, choices, points: vec![point] }),
            }
        }
    }
    Some(plan)
}

fn name_of(scenario: Option<&str>) -> String {
    scenario.unwrap_or("baseline").to_string()
}

fn swept(
    model: &hir::Model,
    facts: &Facts,
    axis: &hir::Axis,
    planned: &[crate::check::PlannedValue],
    inputs: &mut Vec<(DeclId, u32)>,
) -> Swept {
    let (decl, known) = (model.decl(axis.decl), facts.decl(axis.decl));
    let option = matches!(decl.kind, DeclKind::Policy { .. });
    let whole = axis.member.is_none() && !decl.axes.is_empty();
    let input = (!option && !matches!(decl.kind, DeclKind::Column { .. })).then(|| {
        let members = match (&axis.member, facts.shape(axis.decl)) {
            (Some(members), Some(shape)) => shape.offset(members).map_or(0..0, |at| at as u32..at as u32 + 1),
            _ => 0..facts.count(axis.decl) as u32,
        };
        inputs.extend(members.map(|m| (axis.decl, m)));
        inputs.len()
    });
    let unit = match known.ty {
        _ if option || whole => String::new(),
        Ty::Bool => "bool".to_string(),
        Ty::Label(root) => model.index(root).name.clone(),
        _ => model.units.name(&known.shown),
    };
    let shown = model.units.shown(&known.shown);
    let number = matches!(known.ty, Ty::Number(_)) && !option && !whole;
    let value = |v: &crate::check::PlannedValue| SweptValue {
        text: v.text.clone(),
        number: v.stored.first().filter(|_| number).map(|v| shown.of(*v)),
        stored: if input.is_some() { v.stored.clone() } else { Vec::new() },
    };
    let values: Vec<SweptValue> = planned.iter().map(value).collect();
    let width = values.first().map_or(0, |v| v.stored.len());
    Swept { name: axis.name.clone(), unit, sweep: axis.sweep, values, input: input.map(|end| end - width) }
}

/// All design points: sweeps cross, the last the fastest; those of one sweep go together.
fn points(swept: &[Swept]) -> Option<Vec<Vec<u32>>> {
    let mut points = vec![Vec::new()];
    let mut rest = swept;
    while let Some(first) = rest.first() {
        let together = rest.iter().take_while(|s| s.sweep == first.sweep).count();
        let values = first.values.len() as u32;
        if values == 0 || rest[..together].iter().any(|s| s.values.len() as u32 != values) {
            return None;
        }
        let next = |point: &Vec<u32>| {
            let point = point.clone();
            (0..values).map(move |v| point.iter().copied().chain(std::iter::repeat_n(v, together)).collect())
        };
        points = points.iter().flat_map(next).collect();
        rest = &rest[together..];
    }
    Some(points)
}

impl Plan {
    /// What changes the model at a design point: the number of each such axis and of its value.
    fn choices(&self, point: usize) -> Vec<(usize, usize)> {
        let axes = (0..self.swept.len()).filter(|s| self.swept[*s].input.is_none());
        axes.map(|s| (s, self.points[point][s] as usize)).collect()
    }

    /// The number of the variant that runs a design point in an arm.
    pub fn variant_of(&self, arm: usize, point: usize) -> Option<usize> {
        self.variants.iter().position(|v| v.arm == arm && v.points.binary_search(&point).is_ok())
    }

    /// The values of a design point in words: `fee 0.5%, burn 10%`.
    pub fn values_of(&self, point: usize) -> String {
        let value = |s: usize| format!("{} {}", self.swept[s].name, self.value(s, point).text);
        (0..self.swept.len()).map(value).collect::<Vec<_>>().join(", ")
    }

    /// Of each sample, where each uncertain param stands between its least value, 0, and its greatest, 1; nothing, where
    /// none are sampled. Errors: as of [`design`].
    pub fn luck(&self, model: &Model) -> Result<Vec<Vec<f64>>, Beyond> {
        let Some(sample) = self.sample else { return Ok(Vec::new()) };
        let params: Vec<u64> = model.uncertain.iter().map(|param| param.hash).collect();
        design(sample.design, sample.count, &params, self.seed)
    }

    /// What its models are lowered for.
    pub fn asked(&self) -> Asked {
        Asked { sampled: self.sample.is_some(), inputs: self.inputs.clone(), members: false }
    }

    /// Its size in words: `9 points × 2 arms × 1,000 runs = 18,000 runs`.
    pub fn shape(&self) -> String {
        let count = |n: u64, what: &str| {
            let plural = if n == 1 { "" } else { "s" };
            format!("{} {what}{plural}", crate::check::grouped(n))
        };
        let mut parts = Vec::new();
        if !self.swept.is_empty() {
            parts.push(count(self.points.len() as u64, "point"));
        }
        if self.arms.len() > 1 {
            parts.push(count(self.arms.len() as u64, "arm"));
        }
        if let Some(sample) = self.sample {
            parts.push(count(sample.count.into(), "sample"));
        }
        if parts.is_empty() || self.repeats > 1 {
            parts.push(count(self.repeats.into(), "run"));
        }
        let whole = count(self.size(), "run");
        match &parts[..] {
            [one] if *one == whole => whole,
            _ => format!("{} = {whole}", parts.join(" × ")),
        }
    }

    /// Runs in all.
    pub fn size(&self) -> u64 {
        self.points.len() as u64 * self.arms.len() as u64 * u64::from(self.runs)
    }

    /// The value of a swept thing at a design point.
    pub fn value(&self, swept: usize, point: usize) -> &SweptValue {
        &self.swept[swept].values[self.points[point][swept] as usize]
    }

    /// What is put in place of openings at a design point, in stored units.
    pub fn inputs_of(&self, point: usize) -> Vec<f64> {
        let swept = (0..self.swept.len()).filter(|s| self.swept[*s].input.is_some());
        swept.flat_map(|s| self.value(s, point).stored.iter().copied()).collect()
    }

    /// The sample that a run is of, from 1; without samples there is none.
    pub fn sample_of(&self, run: u32) -> Option<u32> {
        self.sample.map(|_| (run - 1) / self.repeats + 1)
    }
}
