//! The crate as its callers see it.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod language;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod support;
