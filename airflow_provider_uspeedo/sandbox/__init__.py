# SPDX-License-Identifier: Apache-2.0
"""A local stand-in for the USpeedo SMS API, written from its documentation alone; shares no code with the client."""
