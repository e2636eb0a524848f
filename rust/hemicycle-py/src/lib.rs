//! Python bindings of hemicycle-core: convert, release the GIL, call, convert back.

mod archives;
mod arrays;
mod averaging;
mod clones;
mod errors;
mod gradient;
mod interrupt;
mod least_squares;
mod left_out;
mod likelihood;
mod losses;
mod names;
mod pairs;
mod running;
mod scores;
mod simplex;
mod sources;
mod stacking;
mod submissions;
mod threads;

use pyo3::prelude::*;

/// The compiled core of hemicycle. Use the documented functions of `hemicycle`, not this module.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::archives::read_archive;
    #[pymodule_export]
    use crate::averaging::{add_replicates, bma_weights, effective_models, n_scores};
    #[pymodule_export]
    use crate::clones::clone_proof_prior;
    #[pymodule_export]
    use crate::gradient::value_and_gradient;
    #[pymodule_export]
    use crate::least_squares::{
        CertifiedWeights, LeastSquaresSolution, certify_least_squares, certify_pair_least_squares, pair_least_squares,
        simplex_least_squares,
    };
    #[pymodule_export]
    use crate::left_out::leave_out_least_squares;
    #[pymodule_export]
    use crate::likelihood::{instruction_sets, log_likelihood, table_bytes};
    #[pymodule_export]
    use crate::losses::sum_gaussian_loss;
    #[pymodule_export]
    use crate::names::{item_keys, kept_names, look_alikes, skeletons};
    #[pymodule_export]
    use crate::pairs::group_pairs;
    #[pymodule_export]
    use crate::running::update_running;
    #[pymodule_export]
    use crate::scores::{accuracy, mean_squared_error};
    #[pymodule_export]
    use crate::simplex::project_simplex;
    #[pymodule_export]
    use crate::sources::{TextTable, read_table};
    #[pymodule_export]
    use crate::stacking::{
        StackingSolution, best_densities, certify_pool_stacking, certify_stacking, density_prices, pool_stacking,
        stacking_weights,
    };
    #[pymodule_export]
    use crate::submissions::{SubmissionRows, read_submissions, submission_layout};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
