//! Every option on every type of socket, on both libraries: right and wrong lengths, values at and
//! beyond the bounds, fresh, bound and connected, each set followed by a get.
//!
//! The values come from the engine's table of options and from lists below. A difference has to
//! be covered by a line of `lists/option-differences.txt`, which gives its reason, and each such
//! line has to cover a difference. What ours does is compared with its own table too, on the types
//! that the stock library does not have as well.

mod matrix;
mod reasons;
mod table;

use crate::Run;
use crate::driver::Driver;
use crate::lockstep;

/// The calls of the matrix, the differences, and the table beside ours.
pub(crate) fn run(run: &mut Run) {
    let (prefix, jobs, folder) = (run.prefix.clone(), run.settings.jobs, run.folder.clone());
    let filter = run.settings.filter.clone();
    run.score.check("options: both libraries, value by value", || {
        let driver = Driver::build(&folder)?;
        let matrix = matrix::Matrix::new(&filter);
        let pairs = lockstep::run(&driver, &prefix, &matrix.cases, jobs)?;
        let differences = matrix.differences(&pairs);
        reasons::explain(&differences, matrix.calls(), !filter.is_empty())
    });
    run.score.check("options: ours does what its table says", || {
        let driver = Driver::build(&folder)?;
        table::check(&driver, &prefix, jobs)
    });
}
