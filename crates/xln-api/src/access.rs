//! Who calls, and what they may do: roles (DESIGN 8) and ownership. A user sees and moves what its own signers' entities own;
//! operators and admins see all and act for the hub's entity; auditors see all and move nothing.

use crate::error::{ApiError, Code};
use std::collections::HashSet;
use xln_crypto::verify::TOKEN_ID_BYTES;
use xln_types::Address;

/// What an account may do beyond its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its own signers, entities and channels.
    User,
    /// Sees all.
    Auditor,
    /// Sees all, and acts for the hub.
    Operator,
    /// As an operator; administers.
    Admin,
}

impl Role {
    /// True for those who see every object.
    pub fn sees_all(self) -> bool {
        self != Role::User
    }

    /// True for those who act for the hub.
    pub fn operates(self) -> bool {
        matches!(self, Role::Operator | Role::Admin)
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Auditor => "auditor",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

/// What a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Open,
    /// A token.
    User,
    /// Role auditor, operator or admin.
    Auditor,
    /// Role operator or admin.
    Operator,
}

impl Access {
    /// The lowest role that has it, for the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::User => "user",
            Access::Auditor => "auditor",
            Access::Operator => "operator",
        }
    }

    /// True when a role has it.
    pub fn allows(self, role: Role) -> bool {
        match self {
            Access::Open | Access::User => true,
            Access::Auditor => role.sees_all(),
            Access::Operator => role.operates(),
        }
    }
}

/// A logged-in account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: Address,
    /// Its token's id.
    pub token: [u8; TOKEN_ID_BYTES],
    /// Until when the token counts, unix seconds.
    pub expires_s: u64,
    /// Its role.
    pub role: Role,
}

/// Which account has which role, as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    pub(crate) admins: HashSet<Address>,
    pub(crate) operators: HashSet<Address>,
    pub(crate) auditors: HashSet<Address>,
}

impl Roles {
    pub(crate) fn of(&self, account: Address) -> Role {
        if self.admins.contains(&account) {
            Role::Admin
        } else if self.operators.contains(&account) {
            Role::Operator
        } else if self.auditors.contains(&account) {
            Role::Auditor
        } else {
            Role::User
        }
    }
}

/// The answer to a call without a token.
pub(crate) fn no_token() -> ApiError {
    ApiError::new(Code::Unauthorized, "token_missing", "a token is needed: log in first")
}

/// Checks a method's access.
pub(crate) fn check(access: Access, caller: Option<&Caller>, now_s: u64) -> Result<(), ApiError> {
    if access == Access::Open {
        return Ok(());
    }
    let caller = caller.ok_or_else(no_token)?;
    if caller.expires_s <= now_s {
        return Err(ApiError::new(Code::Unauthorized, "token_expired", "the token expired: log in again"));
    }
    if !access.allows(caller.role) {
        let error = ApiError::new(Code::Forbidden, "role_missing", "the account's role may not do this");
        return Err(error.with("expected", access.name()));
    }
    Ok(())
}
