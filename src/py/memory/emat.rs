//! Effective access times over whole numpy arrays.
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::machines::memory::emat::{Emat, Form, Parts, TERMS, Term, Unsolvable};
use crate::py::errors::class::{ParameterError, ParameterTypeError};
use crate::py::errors::from_invalid;

/// Adds what is here to the native module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(emat_times, m)?)?;
    m.add_function(wrap_pyfunction!(emat_parts, m)?)?;
    m.add_function(wrap_pyfunction!(emat_solve, m)?)
}

type Column<'py> = PyReadonlyArray1<'py, f64>;

/// The average time of an access for each row. A column has a value a row, or one value for all rows.
#[pyfunction]
fn emat_times<'py>(
    py: Python<'py>,
    form: &Bound<'py, PyString>,
    terms: Vec<Column<'py>>,
    rows: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (form, table) = (read_form(form)?, Table::new(&terms, rows)?);
    let times = py.detach(|| table.rows().map(|it| it.finite_time(form)).collect::<Result<Vec<_>, _>>());
    Ok(PyArray1::from_vec(py, times.map_err(|it| from_invalid(py, &it))?))
}

type Columns<'py> = [Bound<'py, PyArray1<f64>>; 4];

/// Where that time goes: TLBs, walk, data, faults.
#[pyfunction]
fn emat_parts<'py>(
    py: Python<'py>,
    form: &Bound<'py, PyString>,
    terms: Vec<Column<'py>>,
    rows: usize,
) -> PyResult<Columns<'py>> {
    let (form, table) = (read_form(form)?, Table::new(&terms, rows)?);
    let parts = py.detach(|| {
        table.rows().map(|it| it.finite_time(form).map(|_| it.parts(form))).collect::<Result<Vec<_>, _>>()
    });
    let parts = parts.map_err(|it| from_invalid(py, &it))?;
    let columns: [fn(&Parts) -> f64; 4] = [|it| it.tlb, |it| it.walk, |it| it.data, |it| it.fault];
    Ok(columns.map(|part| PyArray1::from_iter(py, parts.iter().map(part))))
}

/// The value of the term `of` that makes the average time `target`, for each row.
#[pyfunction]
fn emat_solve<'py>(
    py: Python<'py>,
    form: &Bound<'py, PyString>,
    terms: Vec<Column<'py>>,
    rows: usize,
    of: &Bound<'py, PyString>,
    target: Column<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (form, table) = (read_form(form)?, Table::new(&terms, rows)?);
    let name = of.to_cow()?;
    let Some(term) = Term::ALL.into_iter().find(|it| it.name() == name) else {
        let names = Term::ALL.map(Term::name).join(", ");
        return Err(ParameterError::new_err(("term", name.into_owned(), format!("one of {names}"))));
    };
    let targets = target.as_slice()?;
    if let Some(bad) = targets.iter().find(|it| !(**it >= 0.0 && it.is_finite())) {
        return Err(ParameterError::new_err(("target", *bad, "a finite time from 0 up")));
    }
    let solved = py.detach(|| {
        let row = |(at, it): (usize, Emat)| it.solve(term, targets[at % targets.len()], form);
        table.rows().enumerate().map(row).collect::<Result<Vec<f64>, _>>()
    });
    match solved {
        Ok(values) => Ok(PyArray1::from_vec(py, values)),
        Err(error) => {
            let value = match error {
                Unsolvable::Unreachable { target, .. } => target,
                Unsolvable::Indifferent { .. } | Unsolvable::Overflow { .. } => targets[0],
            };
            Err(ParameterError::new_err(("target", value, "a reachable time", error.to_string())))
        }
    }
}

fn read_form(name: &Bound<'_, PyString>) -> PyResult<Form> {
    let name = name.to_cow()?;
    Form::ALL.into_iter().find(|it| it.name() == name).ok_or_else(|| {
        let names = Form::ALL.map(Form::name).join(", ");
        ParameterError::new_err(("form", name.into_owned(), format!("one of {names}")))
    })
}

/// Columns side by side; every value has been looked at.
struct Table<'a> {
    columns: [&'a [f64]; TERMS],
    rows: usize,
}

impl<'a> Table<'a> {
    fn new(terms: &'a [Column<'_>], rows: usize) -> PyResult<Self> {
        if terms.len() != TERMS {
            return Err(ParameterTypeError::new_err(("terms", terms.len(), format!("{TERMS} columns"))));
        }
        let mut columns = [&[][..]; TERMS];
        for (term, (column, given)) in Term::ALL.into_iter().zip(columns.iter_mut().zip(terms)) {
            *column = given.as_slice()?;
            if column.len() != rows && column.len() != 1 {
                return Err(ParameterTypeError::new_err((term.name(), column.len(), "a value for each row")));
            }
            if let Some(bad) = column.iter().find(|it| !term.allows(**it)) {
                return Err(ParameterError::new_err((term.name(), *bad, term.allowed())));
            }
        }
        Ok(Self { columns, rows })
    }

    fn rows(&self) -> impl Iterator<Item = Emat> {
        (0..self.rows)
            .map(|row| Emat(self.columns.map(|column| column[if column.len() == 1 { 0 } else { row }])))
    }
}
