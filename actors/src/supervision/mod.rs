//! Supervision: a tree of supervisors on top of `ractor`, after the principles of Erlang/OTP.
//!
//! A [`SupervisorSpec`] holds [`ChildSpec`]s, and is one itself by `into()`; [`Root::start`] brings the tree up. Each child
//! gets a [`StartContext`] with its [`ChildHandle`], by which it beats, names the input in hand and reports its recovery.
//! Decisions are made by a machine without actors (`machine/`); the supervisor actor only carries them out.
//!
//! # Guarantees, and the tests that hold them
//!
//! Tests are in `tests/supervision/` unless the table says `machine` (in `machine/tests/`) or names a file of this folder.
//!
//! | Guarantee | Test |
//! |---|---|
//! | A start runs in a task under a timeout; the supervisor always answers | `start::the_supervisor_answers_while_a_child_starts`, `a_start_that_takes_too_long_is_cancelled_and_tried_again` |
//! | One slow start never delays a sibling; it takes as many as may start at a time (256) to delay a dynamic one | `start::one_slow_start_never_delays_a_sibling`, `dynamic::so_many_start_at_a_time_and_the_others_wait_for_their_turn` |
//! | Fixed children start one after the other; a subtree runs when all of it runs | `start::fixed_children_start_one_after_the_other`, `a_subtree_counts_as_running_when_all_its_children_run` |
//! | A child that recovers holds back those that need it, for a limited time | `start::a_child_recovers_until_it_says_so_and_later_siblings_wait_for_it`, `a_recovery_that_takes_too_long_is_a_failure` |
//! | Panic, error and a foreign kill are abnormal; a kill the supervisor asked for is not | `abnormal::panic_error_and_kill_are_abnormal_and_a_normal_end_is_not`, `a_kill_asked_for_by_the_supervisor_is_not_a_failure` |
//! | Permanent, transient and temporary mean what they say | `abnormal::a_permanent_child_comes_back_from_a_normal_end_and_a_temporary_one_from_nothing` |
//! | Two incarnations of a child never overlap | `abnormal::two_incarnations_never_overlap`, `an_incarnation_waits_until_the_state_of_the_last_one_is_gone` |
//! | A death told before its start is not lost | `abnormal::a_child_that_dies_as_soon_as_it_started_is_not_taken_for_running` |
//! | Strategies stop last first and start first first | `order::*`, `machine::campaign::ordered_supervisors_keep_their_order_under_any_faults` |
//! | A removed child never comes back, whatever was under way | `machine::races::a_removed_child_never_comes_back_in_any_order`, `dynamic::removal_races_against_a_finishing_start_leave_no_actor_behind` |
//! | Adding a child that is there is answered and harmless | `dynamic::adding_a_running_id_answers_so_and_is_harmless` |
//! | Many are added by one message, each with an answer of its own; a bad one, a removal or a shutdown meanwhile touches no other | `dynamic::many_are_added_by_one_message_and_each_has_an_answer_of_its_own`, `of_many_one_that_cannot_start_touches_no_other`, `one_that_is_removed_while_it_waits_for_its_turn_never_comes_up`, `a_shutdown_while_many_wait_for_their_turn_starts_no_more`, `machine::campaign::*` |
//! | Added children and quarantines survive their supervisor, removed ones do not | `dynamic::added_children_and_quarantines_survive_a_restart_of_the_supervisor_and_removed_ones_do_not` |
//! | Backoff can not outwait the budget | `abnormal::a_backoff_longer_than_the_window_still_exhausts_the_budget` |
//! | A spent budget is logged, acknowledged, then acted on; a dead log delays it by its timeout | `escalation::each_step_is_acknowledged_by_the_log_before_it_is_taken`, `a_dead_or_refusing_log_delays_the_step_by_its_timeout_and_the_step_says_so` |
//! | Escalations climb with their type, and end in an exit code | `escalation::escalation_climbs_the_tree_with_its_type`, `a_root_that_gives_up_asks_the_process_to_end_with_a_code` |
//! | A breaker trips even if its child or its tree goes away meanwhile | `machine::races::a_breaker_trips_even_if_the_child_is_removed_or_the_tree_stops_meanwhile` |
//! | An input that kills twice is poisoned | `hang_and_poison::an_input_that_kills_twice_is_poisoned_and_skipped_by_the_next_incarnation` |
//! | A parked child is killed and restarted | `hang_and_poison::a_parked_child_is_killed_and_restarted_within_its_silence_limit` |
//! | Shutdown: leaves first, queue drained, killed at the deadline, really gone | `shutdown::*`, `machine::campaign::a_shutdown_at_any_moment_ends_with_every_child_down` |
//! | The tree is readable at any time | `tree::the_tree_is_readable_while_its_supervisor_is_busy` |
//! | Names begin with the node id | `start::names_begin_with_the_node_id_and_two_nodes_share_a_process` |
//! | The same seed gives the same trace | `campaign::the_same_seed_gives_the_same_trace` |
//! | After faults stop, everything not quarantined runs again | `machine::campaign::a_dynamic_supervisor_agrees_with_its_model_and_heals`, `campaign::a_random_campaign_over_real_actors_keeps_every_promise_and_heals` |
//!
//! # Defects of the layers below that do not show above
//!
//! | Below | Test |
//! |---|---|
//! | Mailboxes are unbounded | `mailboxes::a_stuck_actor_takes_its_limit_and_not_two_million_messages` |
//! | A panic drops the mailbox: its places must not leak | `mailboxes::places_are_free_again_when_the_mailbox_dies` |
//! | `stop` handles none of the queue; children are killed with their parent | `shutdown::stopping_handles_what_was_queued`, `escalation::escalation_climbs_the_tree_with_its_type` |
//! | Children stop in random order | `shutdown::a_tree_stops_leaves_first_in_reverse_start_order` |
//! | Waiting with a deadline returns while the child still runs | `shutdown::a_child_that_does_not_drain_is_killed_at_its_deadline_and_is_really_gone` |
//! | A taken name fails the start | `start::a_taken_name_is_named_and_given_up_not_retried_for_ever` |
//!
//! # What it can not do
//!
//! A handler that holds the processor without yielding can not be killed, and on a shared runtime it may stop everybody's
//! timers, those of its supervisor included. Such a child is reported as [`StopOutcome::Unkillable`] and quarantined; ending
//! the process is the task of a watchdog on a thread of its own. Panics are caught only with `panic = "unwind"`.

mod backoff;
mod budget;
mod commands;
mod env;
mod escalation;
mod handle;
mod heartbeat;
mod log_pump;
mod machine;
mod panic_hook;
mod perform;
mod permits;
mod poison;
mod spec;
mod state;
mod strategy;
mod supervisor;
mod supervisor_spec;
mod tasks;
mod tree;

pub use self::backoff::Backoff;
pub use self::budget::{Budget, Exhausted, Ledger, Verdict};
pub use self::commands::{AddReply, ReleaseReply, StopReply, SupervisorGone};
pub use self::env::Env;
pub use self::escalation::{
    EXIT_ROOT_GAVE_UP, EscalatedFailure, Escalation, EscalationSink, ExitLatch, LOG_TIMEOUT, NoLog,
    NotLogged, SupervisionEvent, SupervisionLog, What,
};
pub use self::handle::{Root, SupervisorHandle};
pub use self::heartbeat::{ChildHandle, Heartbeat};
pub use self::panic_hook::install_light_panic_hook;
pub use self::permits::{Admission, Admitted, Refused, Why};
pub use self::poison::{POISONED_MAX, PoisonRule};
pub use self::spec::{ChildSpec, Restart, Shutdown, StartContext, Started};
pub use self::state::{ChildId, ChildState, Exit, Failure, Halt, StopOutcome};
pub use self::strategy::Strategy;
pub use self::supervisor_spec::{CHILDREN_MAX, KILL_GRACE, STARTS_MAX, SupervisorSpec};
pub use self::tree::{MailboxUse, StateView, TreeSnapshot, TreeView};
