-- Grain: one row per person of the audience.
{{ audience_people('win_back') }}
