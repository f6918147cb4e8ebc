"""From a case to an exchange: recorded responses served again, recorded requests sent again."""
