/* source/sql/farewell.h - closing a connection so that the server has closed it too.
 *
 * A server counts a session until its own process or thread has ended, which is some time after the client's close().
 * Whoever opens another one at once is then one too many: for a limit of the user's connections, and for
 * source.max_connections. */
#ifndef SOURCE_SQL_FAREWELL_H
#define SOURCE_SQL_FAREWELL_H

/* Before the client library says good-bye and closes `fd`: a descriptor of the same socket for rvi_sql_see_off(); -1 where
 * there is none. Only of a connection that has no statement under way: the server would go on with it. */
int rvi_sql_hold(int fd);
/* Afterwards: until the server has ended the stream, or for half a second. Closes `held`; -1 does nothing. */
void rvi_sql_see_off(int held);

#endif
