-- Grain: one row per person of the audience.
{{ audience_people('onboarding_stalled') }}
