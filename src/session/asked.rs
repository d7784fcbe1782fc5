//! What a call asks for beyond the model itself: an experiment, or one run of it.
//!
//! In: options as they are written. Out: lines as they stand in a block, and the options again, for whoever repeats the
//! call. Invariant: an option says what the line of its name says. Absent on purpose: what names and values mean.

use super::Settings;
use crate::exec::Case;

/// The experiment that a call asks for: one of the model's, lines that take the place of its lines of the same kind, or
/// lines alone. Each as written: `0% .. 2% by 0.25%`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experiment {
    /// `-e NAME`.
    pub name: Option<String>,
    /// `--sweep "fee=1%, 2%"`: the names and the values.
    pub sweeps: Vec<(String, String)>,
    /// `--sweep-zip "alpha=1, 2; beta=10, 20"`: the names and the values of each.
    pub zips: Vec<Vec<(String, String)>>,
    /// `--compare baseline,bear`.
    pub compare: Option<String>,
    /// `--sample 512:sobol`: how many, and how.
    pub sample: Option<(String, Option<String>)>,
    /// `--runs`.
    pub runs: Option<String>,
    /// `--seed`.
    pub seed: Option<String>,
    /// `--measure`.
    pub measure: Option<String>,
    /// The model is one of those that a plan has come to.
    pub chosen: Option<Chosen>,
}

/// The name and the values of `fee=1%, 2%`; none, if one of them is missing.
pub fn swept(text: &str) -> Option<(String, String)> {
    let (name, values) = text.split_once('=')?;
    let (name, values) = (name.trim(), values.trim());
    (!name.is_empty() && !values.is_empty()).then(|| (name.to_string(), values.to_string()))
}

impl Experiment {
    /// Its lines as they would stand in a block, each with its option.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let axis = |(name, values): &(String, String)| format!("{name} in {values}");
        let mut lines: Vec<_> = self.sweeps.iter().map(|s| ("--sweep", format!("sweep {}", axis(s)))).collect();
        lines.extend(self.zips.iter().map(|zip| {
            let axes: Vec<String> = zip.iter().map(axis).collect();
            ("--sweep-zip", format!("sweep zip {{ {} }}", axes.join("; ")))
        }));
        lines.extend(self.compare.iter().map(|arms| ("--compare", format!("compare {arms}"))));
        lines.extend(self.sample.iter().map(|(n, by)| {
            ("--sample", by.as_ref().map_or_else(|| format!("sample {n}"), |by| format!("sample {n} by {by}")))
        }));
        lines.extend(self.runs.iter().map(|n| ("--runs", format!("runs {n}"))));
        lines.extend(self.seed.iter().map(|n| ("--seed", format!("seed {n}"))));
        lines.extend(self.measure.iter().map(|names| ("--measure", format!("measure {names}"))));
        lines
    }

    /// It as it is given on the command line.
    pub fn arguments(&self) -> Vec<(String, String)> {
        let axis = |(name, values): &(String, String)| format!("{name}={values}");
        let mut all: Vec<(&str, String)> = Vec::new();
        all.extend(self.name.iter().map(|name| ("-e", name.clone())));
        all.extend(self.sweeps.iter().map(|s| ("--sweep", axis(s))));
        all.extend(self.zips.iter().map(|zip| ("--sweep-zip", zip.iter().map(axis).collect::<Vec<_>>().join("; "))));
        all.extend(self.compare.iter().map(|arms| ("--compare", arms.clone())));
        let sample = |(n, by): &(String, Option<String>)| by.as_ref().map_or(n.clone(), |by| format!("{n}:{by}"));
        all.extend(self.sample.iter().map(|s| ("--sample", sample(s))));
        all.extend(self.runs.iter().map(|n| ("--runs", n.clone())));
        all.extend(self.seed.iter().map(|n| ("--seed", n.clone())));
        all.extend(self.measure.iter().map(|names| ("--measure", names.clone())));
        all.into_iter().map(|(option, value)| (option.to_string(), value)).collect()
    }
}

impl Settings {
    /// Which members are told of, as it is given on the command line.
    pub fn only_arguments(&self) -> Vec<(String, String)> {
        let only = |(entity, condition): &(String, String)| ("--where".to_string(), format!("{entity}: {condition}"));
        self.only.iter().map(only).collect()
    }

    /// The settings as they are given on the command line.
    pub fn arguments(&self) -> Vec<(String, String)> {
        let clock = [("scenario", &self.scenario), ("from", &self.from), ("to", &self.to), ("step", &self.step)];
        let clock = clock.into_iter().filter_map(|(name, v)| Some((format!("--{name}"), v.clone()?)));
        let values = self.values.iter().map(|(name, value)| ("--set".to_string(), format!("{name}={value}")));
        let only = self.only_arguments();
        values.chain(clock).chain(only).chain(self.experiment.iter().flat_map(Experiment::arguments)).collect()
    }
}

/// What makes a model of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The scenario of its arm.
    pub scenario: Option<String>,
    /// What changes the model, each the number of an axis and of its value.
    pub values: Vec<(usize, usize)>,
}

/// Which run of many this is, and how it is made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The seed.
    pub seed: u64,
    /// The number of the run, from 1.
    pub run: u32,
    /// The number of the arm, from 0, where several are compared, and its name.
    pub arm: Option<(usize, String)>,
    /// The number of the design point, from 1, where there are several, with its values: `fee 0.5%`.
    pub point: Option<(usize, String)>,
}

impl Replay {
    /// Of a run that is no part of an experiment.
    pub fn of(case: &Case) -> Self {
        Self { seed: case.seed, run: case.run, arm: None, point: None }
    }

    /// The call that makes this run alone.
    pub fn call(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut all = settings.arguments();
        let experiment = settings.experiment.is_some();
        // The seed is said below.
        all.retain(|(option, _)| option != "--seed" && option != "--where");
        let mut add = |option: &str, value: String| all.push((option.to_string(), value));
        if let Some((point, _)) = &self.point {
            add("--point", point.to_string());
        }
        if let Some((_, arm)) = &self.arm {
            add("--arm", arm.clone());
        }
        if experiment || self.seed != Case::default().seed {
            add("--seed", self.seed.to_string());
        }
        if experiment || self.run != Case::default().run {
            add("--only-run", self.run.to_string());
        }
        all
    }
}
