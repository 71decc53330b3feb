-- Takes back 0008_refused_messages.sql.
DROP TABLE refused_messages;
